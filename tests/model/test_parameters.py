"""Parameters as JSON and back."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniscopy import crystal
from omniscopy.model.errors import DataError
from omniscopy.model.parameters import decode, encode, find_public

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text()
    | st.complex_numbers(allow_nan=False)
    | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text().filter(lambda key: not key.startswith("$")), inner)
    ),
    max_leaves=20,
)


@given(plain)
def test_nested_parameters_come_back_through_json(value):
    assert decode(json.loads(json.dumps(encode(value), allow_nan=False))) == value


@pytest.mark.parametrize("dtype", ["f4", ">f8", "i2", "u8", "c16", "bool", "U5", "M8[s]"])
def test_arrays_come_back_with_their_type(dtype):
    array = np.arange(6).astype("i8").astype(dtype).reshape(2, 3)
    back = decode(json.loads(json.dumps(encode(array))))
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_slices_generators_and_infinities_come_back():
    assert decode(encode(slice(1, None, 2))) == slice(1, None, 2)
    assert math.isnan(decode(encode(float("nan"))))
    assert decode(encode(-np.inf)) == -np.inf
    generator = np.random.default_rng(3)
    copy = decode(json.loads(json.dumps(encode(generator))))
    assert copy.normal() == generator.normal()


def test_tuples_and_paths_are_written_plainly():
    assert encode((1, (2.5, "a"))) == [1, [2.5, "a"]]
    assert encode(Path("a") / "b") == str(Path("a") / "b")
    assert encode(np.float32(0.5)) == 0.5
    assert type(encode(np.int16(3))) is int


def test_a_function_cannot_be_restored_and_says_so():
    recorded = encode({"function": len})
    with pytest.raises(DataError, match=r"was not recorded: <built-in function len>"):
        decode(recorded)


@pytest.mark.parametrize(
    "name", ["os.system", "model.parameters.__builtins__", "..os.system", "model", "Model.x y", ""]
)
def test_names_from_a_file_reach_nothing_outside_the_package(name):
    with pytest.raises(DataError, match=r"is not the name of|has no public"):
        find_public(name)


def test_settings_from_a_file_must_be_settings():
    with pytest.raises(DataError, match="not a set of parameters"):
        decode({"$type": "settings", "name": "model.find_operation", "fields": {"name": "x"}})


def test_damaged_parameters_are_refused_by_name():
    with pytest.raises(DataError, match="type 'array' is damaged"):
        decode({"$type": "array", "dtype": "f8", "shape": [3], "base64": "AAAA"})


def test_structures_come_back_with_their_cell_and_what_is_known_of_their_atoms():
    atoms = crystal.structure("ZnO")
    atoms.set_array("debye_waller", np.arange(len(atoms)) / 4)
    copy = decode(json.loads(json.dumps(encode(atoms))))
    assert copy == atoms
    np.testing.assert_array_equal(copy.arrays["debye_waller"], atoms.arrays["debye_waller"])
