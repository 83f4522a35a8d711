"""Operations on the same values, however these lie in memory: chunks, order, type, strides.

A few with the tests; many by `python3 dev.py forms`.
"""

import functools

import numpy as np
import xarray as xr
from hypothesis import given, note
from hypothesis import strategies as st

from omniscopy.model import all_operations
from omniscopy.testing import contracts

OPERATIONS = {
    operation.name: operation
    for operation in all_operations()
    if operation.function.__module__.startswith("omniscopy.") and operation.inputs
}
MEMORY = ("as it is", "columns first", "backwards", "every other", "read-only", "swapped bytes")


def laid(values, memory):
    """Return the same values, laid in memory in another way."""
    if memory == "columns first":
        return np.asfortranarray(values)
    if memory == "backwards":
        return np.ascontiguousarray(values[..., ::-1])[..., ::-1]
    if memory == "every other":
        return np.repeat(values, 2, axis=-1)[..., ::2]
    if memory == "swapped bytes":
        return values.astype(values.dtype.newbyteorder("S"))
    values = values.copy()
    values.flags.writeable = memory != "read-only"
    return values


def in_memory(data, memory):
    """Return labelled data whose numbers lie in memory in another way."""

    def change(each):
        suits = each.ndim and each.size and each.dtype.kind in "iufc"
        return each.copy(data=laid(each.values, memory)) if suits else each

    if isinstance(data, xr.DataArray):
        return change(data)
    return data.assign({name: change(each) for name, each in data.data_vars.items()})


@st.composite
def changes(draw):
    """Draw an operation, and a function that changes its input and none of the values."""
    name = draw(st.sampled_from(sorted(OPERATIONS)))
    single = draw(st.booleans())
    memory = draw(st.sampled_from(MEMORY))
    lazy = draw(st.booleans())
    random = draw(st.randoms(use_true_random=False))

    def change(data):
        data = in_memory(data, memory)
        dims = list(data.dims)
        random.shuffle(dims)
        data = data.transpose(*dims)
        if lazy:
            cut = {dim: parts(random, size) for dim, size in data.sizes.items()}
            data = data.chunk(cut).assign_coords(data.coords)
        return data

    note(f"{name}: single={single}, memory={memory!r}, lazy={lazy}")
    return name, single, change


def parts(random, size):
    """Return lengths, up to six, with the sum `size`."""
    ends = sorted({random.randint(1, size) for _ in range(random.randint(0, 5))} | {size} - {0})
    return tuple(np.diff([0, *ends]).tolist()) if ends else (0,)


def rounded(name, *, single):
    """Return the inputs of an operation; in single precision, or with these values in double."""
    exact = contracts._changed(OPERATIONS[name], lambda data: contracts._as(data, single=True))
    if single:
        return exact
    return {
        key: [contracts._as(item, single=False) for item in value]
        if isinstance(value, list)
        else contracts._as(value, single=False)
        for key, value in exact.items()
    }


@functools.lru_cache(maxsize=512)
def expected(name):
    return contracts.call_example(OPERATIONS[name], **rounded(name, single=False)).compute()


@given(changes())
def test_the_form_of_data_changes_no_numbers(change):
    name, single, changed = change
    given_ = {
        key: [changed(item) for item in value] if isinstance(value, list) else changed(value)
        for key, value in rounded(name, single=single).items()
    }
    made = contracts.call_example(OPERATIONS[name], **given_)
    tolerance = 1e-3 if single else 1e-6
    contracts.assert_same(made.compute(), expected(name), tolerance=tolerance)
