"""Bad images and bad tables of positions: words that help, or no values, but no other exception."""

import warnings

import numpy as np
import pytest
import xarray as xr

from omniscopy.model import DataError, all_operations
from omniscopy.testing import contracts


def of_values(change):
    """Return a function that changes all real values of data."""

    def changed(data):
        def one(each):
            real = each.dtype.kind == "f"
            return each.copy(data=change(each.values.copy())) if real else each

        if isinstance(data, xr.Dataset):
            return data.assign({name: one(each) for name, each in data.data_vars.items()})
        return one(data)

    return changed


def part(**places):
    """Return a function that takes a part along the dimensions that data have."""
    return lambda data: data.isel({dim: at for dim, at in places.items() if dim in data.dims})


def scattered(value):
    def change(values):
        values.reshape(-1)[::7] = value
        return values

    return change


def without_attributes(data):
    data = data.copy()
    for each in (data, *data.coords.values(), *getattr(data, "data_vars", {}).values()):
        each.attrs = {}
    return data


def at_one_place(data):
    table = isinstance(data, xr.Dataset) and {"y", "x"} <= set(data.data_vars)
    return data.assign(y=data["y"] * 0.0, x=data["x"] * 0.0) if table else data


DAMAGE = {
    "odd and not square": part(y=slice(0, -3), x=slice(0, -8)),
    "one row": part(y=slice(0, 1)),
    "one pixel": part(y=slice(0, 1), x=slice(0, 1)),
    "no rows": part(y=slice(0, 0)),
    "some missing": of_values(scattered(np.nan)),
    "some infinite": of_values(scattered(np.inf)),
    "all missing": of_values(lambda values: values * np.nan),
    "constant": of_values(lambda values: values * 0 + 3.0),
    "inverted": of_values(lambda values: -values),
    "bool": of_values(lambda values: values > np.nanmedian(values)),
    "half precision": of_values(lambda values: values.astype(np.float16)),
    "swapped bytes": of_values(lambda values: values.astype(">f8")),
    "complex": of_values(lambda values: values.astype(complex)),
    "text": of_values(lambda values: values.astype(str)),
    "no units": without_attributes,
    "empty table": part(atom=slice(0, 0), grain=slice(0, 0)),
    "one atom": part(atom=slice(0, 1), grain=slice(0, 1)),
    "all at one place": at_one_place,
    "nothing": lambda data: xr.Dataset() if isinstance(data, xr.Dataset) else data,
}
OPERATIONS = {
    operation.name: operation
    for operation in all_operations()
    if operation.name.startswith("atoms.") and operation.inputs
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_bad_input_is_refused_in_words_or_has_no_values(name):
    operation = OPERATIONS[name]
    for label, damage in DAMAGE.items():
        changed = contracts._changed(operation, damage)
        said = "what was expected, what came, what to do"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                contracts.call_example(operation, **changed).compute()
            except DataError as error:
                said = str(error)
            except Exception as error:
                error.add_note(f"{name}, {label}")
                raise
        assert len(said) > 20, f"{label}: {said}"
