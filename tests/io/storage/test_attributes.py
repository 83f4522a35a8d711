"""Attributes of any depth and type become JSON text and come back."""

import datetime
import json

import numpy as np
import pytest

from omniscopy.io.storage.attributes import decode_attrs, encode_attrs, plain_attrs, restore_attrs
from omniscopy.model.errors import DataError


def there_and_back(value):
    text = encode_attrs({"value": value})
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    text.encode()
    return decode_attrs(text)["value"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -(2**70),
        1e-320,
        "µ\x00\udc80",
        b"\xff",
        1 - 2j,
        {"a": {"b": [1, None]}},
        {1: "a", None: "b", (1, "x"): "c", 2.5: {}},
        {"$type": "float", "text": "not ours"},
        {"$type": {"$type": []}},
        {"a", 1, None},
        datetime.datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=datetime.UTC),
        datetime.date(2020, 1, 2),
        datetime.time(3, 4),
        slice(1, None, 2),
    ],
)
def test_a_value_comes_back_as_it_was(value):
    back = there_and_back(value)
    assert type(back) is type(value)
    assert back == value


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=">i2").reshape(2, 3),
        np.array(["a", "é"]),
        np.array([b"a"]),
        np.array(["2020", "NaT"], "M8[s]"),
        np.array([[None, "a"], [1.5, [1, 2]]], object),
        np.zeros((0, 3)),
    ],
)
def test_an_array_comes_back_with_type_and_shape(array):
    back = there_and_back(array)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize(
    "value", [np.datetime64("2020-01-01T00:00:00.5", "ns"), np.timedelta64(3, "D")]
)
def test_a_date_keeps_its_unit(value):
    back = there_and_back(value)
    assert back == value
    assert back.dtype == value.dtype


def test_not_a_number_comes_back_at_any_depth():
    back = there_and_back([np.nan, {"a": (np.inf, complex(np.nan, 1))}])
    assert np.isnan(back[0])
    assert back[1]["a"][0] == np.inf
    assert np.isnan(back[1]["a"][1].real)


def test_numpy_numbers_become_plain_numbers_of_the_same_value():
    assert there_and_back([np.float32(0.1), np.int8(-3), np.True_]) == [np.float32(0.1), -3, True]


def test_what_cannot_be_recorded_comes_back_as_its_text():
    assert there_and_back({"function": print})["function"] == "<built-in function print>"


def test_one_bad_value_does_not_spoil_its_neighbours():
    back = decode_attrs(
        '{"a": {"bad": {"$type": "array", "dtype": "V"}, "nan": {"$type": "float", "text": "nan"}}}'
    )
    assert back["a"]["bad"] == {"$type": "array", "dtype": "V"}
    assert np.isnan(back["a"]["nan"])


def test_a_history_is_kept_letter_by_letter():
    steps = [{"id": "1", "parameters": {"window": {"$type": "slice", "parts": [1, 2, None]}}}]
    assert plain_attrs({"provenance": steps})["provenance"] is steps
    assert restore_attrs({"provenance": steps})["provenance"] is steps


@pytest.mark.parametrize("text", ["[]", "1", "{", "", "[" * 100_000])
def test_other_text_is_refused(text):
    with pytest.raises((DataError, ValueError)):
        decode_attrs(text)
