"""The checks of operations find what they are there to find."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings

import omniscopy as om
from omniscopy import model
from omniscopy.model.operations import _registry
from omniscopy.testing import contracts, strategies
from omniscopy.testing.schemas import conforms, is_schema

EXAMPLE = {"image": "atom_image"}


def good(image: xr.DataArray, factor: float = 2.0) -> xr.DataArray:
    """Multiply an image.

    Parameters
    ----------
    image : DataArray, shape (..., y, x)
        Any units.
    factor : float
        By what.

    Returns
    -------
    DataArray
        In the same units.
    """
    return model.labelled(image * factor, units=image.attrs.get("units"))


def undocumented(image: xr.DataArray, factor: float = 2.0) -> xr.DataArray:
    """Multiply an image.

    Parameters
    ----------
    image : DataArray
        Any units.

    Returns
    -------
    DataArray
        In the same units.
    """
    return good(image, factor)


def misleads(image: xr.DataArray) -> xr.DataArray:
    """Multiply an image.

    Examples
    --------
    >>> 1 + 1
    3
    """
    return good(image)


def other_when_lazy(image: xr.DataArray) -> xr.DataArray:
    return good(image, 2.0 if image.chunks is None else 2.01)


def computes_early(image: xr.DataArray) -> xr.DataArray:
    return good(image, float(image.max()))


def loads(image: xr.DataArray) -> xr.DataArray:
    return good(image).compute()


def follows_the_order(image: xr.DataArray) -> xr.DataArray:
    return good(image.isel({image.dims[-1]: 0}, drop=True))


def pools_everything(image: xr.DataArray) -> xr.DataArray:
    return model.labelled(image / image.max(), units="1")


def modifies_values(image: xr.DataArray) -> xr.DataArray:
    image[dict.fromkeys(image.dims, 0)] = 0.0
    return good(image)


def modifies_metadata(image: xr.DataArray) -> xr.DataArray:
    image.attrs["metadata"]["seen"] = True
    return good(image)


def leaks_attributes(image: xr.DataArray) -> xr.DataArray:
    return (image * 2.0).assign_attrs(image.attrs)


def leaks_units(image: xr.DataArray) -> xr.DataArray:
    return model.labelled(image**2, units=image.attrs.get("units"))


def forgets_units_of_coordinates(image: xr.DataArray) -> xr.DataArray:
    return model.labelled(image.sum("x") * image["x"].diff("x").mean(), units="V")


def counts_rows(image: xr.DataArray) -> xr.DataArray:
    rows = xr.DataArray(np.arange(image.sizes["y"]), dims="y")
    return model.labelled((image * rows).sum(["y", "x"]), units=image.attrs.get("units"))


def drops_a_coordinate(image: xr.DataArray) -> xr.DataArray:
    return good(image).drop_vars("x")


def bad_in_single_precision(image: xr.DataArray) -> xr.DataArray:
    return good(image, 2.0 if image.dtype == np.float64 else 3.0)


def crashes_on_missing_values(image: xr.DataArray) -> xr.DataArray:
    assert not bool(image.isnull().any())
    return good(image)


def crashes_on_empty_data(image: xr.DataArray) -> xr.DataArray:
    return good(image, 1.0 / image.size)


def cannot_be_replayed(image: xr.DataArray) -> xr.DataArray:
    return good(image, np.random.default_rng().random())


BREACHES = {
    "undocumented": "check_docstring",
    "misleads": "check_examples_of_docstring",
    "other_when_lazy": "check_lazy_equals_eager",
    "computes_early": "check_lazy_stays_lazy",
    "loads": "check_lazy_stays_lazy",
    "follows_the_order": "check_order_of_dimensions",
    "pools_everything": "check_further_dimension",
    "modifies_values": "check_input_is_not_modified",
    "modifies_metadata": "check_input_is_not_modified",
    "leaks_attributes": "check_attributes_do_not_leak",
    "leaks_units": "check_units_of_values",
    "forgets_units_of_coordinates": "check_units_of_coordinates",
    "counts_rows": "check_falling_coordinates",
    "drops_a_coordinate": "check_result_keeps_the_contract",
    "bad_in_single_precision": "check_single_precision",
    "crashes_on_missing_values": "check_missing_values",
    "crashes_on_empty_data": "check_empty_data",
    "cannot_be_replayed": "check_replay",
}


@pytest.fixture
def register():
    """Register operations for the length of a test."""
    names = []

    def registered(function, **options):
        made = model.operation(**{"example": EXAMPLE, **options})(function).operation
        names.append(made.name)
        return made

    yield registered
    for name in names:
        del _registry[name]


@pytest.mark.parametrize("check", contracts.CHECKS, ids=lambda check: check.__name__)
def test_a_good_operation_passes(check, register):
    check(register(good))


@pytest.mark.filterwarnings("ignore::omniscopy.model.ReplayWarning")
@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_found(name, register):
    operation = register(globals()[name])
    with pytest.raises((AssertionError, ZeroDivisionError)):
        getattr(contracts, BREACHES[name])(operation)


def test_an_operation_without_an_example_is_found(register):
    with pytest.raises(AssertionError, match=r"no example for \['image'\]"):
        contracts.check_example(register(good, example={}))


def test_an_example_that_is_not_of_the_schema_is_found(register):
    operation = register(good, example={**EXAMPLE, "factor": "two"})
    with pytest.raises(AssertionError, match="example of 'factor'"):
        contracts.check_schema(operation)


def test_a_result_without_a_history_is_found():
    bare = model.Operation("good", good, "Multiply an image.", EXAMPLE, lazy=True)
    with pytest.raises(AssertionError, match="no history"):
        contracts.check_history(bare)


def test_every_check_has_a_breach():
    named = {check.__name__ for check in contracts.CHECKS}
    apart = {"check_example", "check_schema", "check_history", "check_history_survives_saving"}
    assert named == set(BREACHES.values()) | apart


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        (1, {"type": "integer"}, True),
        (1, {"type": "number"}, True),
        (True, {"type": "integer"}, False),
        ("a", {"enum": ["a", "b"]}, True),
        ("c", {"enum": ["a", "b"]}, False),
        (None, {"anyOf": [{"type": "null"}, {"type": "string"}]}, True),
        ([1, "a"], {"type": "array", "items": {"type": "integer"}}, False),
        ([1], {"type": "array", "prefixItems": [{}, {}], "minItems": 2}, False),
        ({"a": 1}, {"type": "object", "additionalProperties": {"type": "string"}}, False),
        ({"$type": "settings"}, {}, True),
    ],
)
def test_values_are_compared_with_a_schema(value, schema, expected):
    assert is_schema(schema)
    assert conforms(value, schema) is expected


def test_what_is_no_schema_is_told():
    assert not is_schema({"type": "float"})
    assert not is_schema({"kind": "integer"})
    assert not is_schema({"anyOf": [{"type": "tuple"}]})


@given(strategies.labelled_arrays())
def test_drawn_data_keep_the_contract(data):
    assert om.validate(data) == []


@given(strategies.labelled_arrays(missing=False, dtypes=["float32", "float64"]))
def test_drawn_data_can_be_bounded(data):
    assert np.isfinite(data.values).all()
    assert float(abs(data).max()) <= 2.0**20


@settings(max_examples=25)
@given(strategies.labelled_arrays(dims=("y", "x", "energy_loss"), dtypes=["uint16", "float64"]))
def test_the_sum_of_drawn_data_is_numpys(data):
    total = om.signal.sum_over(data, ["y", "x"])
    assert om.validate(total) == []
    with np.errstate(invalid="ignore", over="ignore"):
        finite = np.isfinite(data.values).all(axis=(0, 1))
        expected = data.values.astype(total.dtype).sum(axis=(0, 1))
    np.testing.assert_allclose(total.values[finite], expected[finite], rtol=1e-9, atol=1e-9)


@settings(max_examples=25)
@given(
    strategies.labelled_arrays(
        dims=("frame", "y", "x"), dtypes=["float64"], min_side=2, max_side=6, missing=False
    )
)
def test_the_power_of_drawn_images_is_their_variance(data):
    spectrum = om.image.power_spectrum(data, window="none")
    area = abs(np.diff(spectrum["ky"])[0] * np.diff(spectrum["kx"])[0])
    expected = data.var(["y", "x"])
    np.testing.assert_allclose(
        spectrum.sum(["ky", "kx"]) * area, expected, rtol=1e-6, atol=1e-9 * float((data**2).max())
    )
