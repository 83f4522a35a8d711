"""Handles of scattered values, and XML without entities."""

import pickle

import numpy as np
import pytest

from omniscopy.io.arrays import Mapped
from omniscopy.io.errors import FormatError
from omniscopy.io.pieces import Column, Field, Lines
from omniscopy.io.xml_trees import look_up, parse_xml, xml_tree

KEYS = [
    (slice(None), slice(None), slice(None)),
    (1, slice(None), slice(1, 4)),
    (0, 1, 2),
    (slice(0, 2, 2), slice(None), 4),
    (slice(0, 0), slice(None), slice(None)),
]


@pytest.mark.parametrize("key", KEYS)
def test_lines_of_one_length_are_an_array(tmp_path, key):
    whole = np.arange(30, dtype="<i2").reshape(2, 3, 5)
    (tmp_path / "a").write_bytes(b"x" * 7 + whole[::-1].tobytes())
    offsets = (37, 47, 57, 7, 17, 27)
    lines = Lines(str(tmp_path / "a"), offsets, (5,) * 6, np.dtype("<i2"), (2, 3))
    found = pickle.loads(pickle.dumps(lines))[key]
    np.testing.assert_array_equal(found, whole[key])
    assert found.dtype == lines.dtype == np.int16


@pytest.mark.parametrize("key", KEYS)
def test_shorter_lines_end_in_nan(tmp_path, key):
    np.arange(30, dtype="<i2").tofile(tmp_path / "a")
    lines = Lines(
        str(tmp_path / "a"), (0, 10, 20, 30, 40, 50), (5, 4, 5, 0, 5, 5), np.dtype("<i2"), (2, 3)
    )
    whole = np.arange(30, dtype=np.float32).reshape(2, 3, 5)
    whole[0, 1, 4:] = whole[1, 0] = np.nan
    np.testing.assert_array_equal(lines[key], whole[key])
    assert lines[key].dtype == lines.dtype == np.float32


def test_lines_beyond_the_file_are_refused(tmp_path):
    (tmp_path / "a").write_bytes(bytes(20))
    with pytest.raises(FormatError, match="a line of 5 numbers needs 10 bytes"):
        Lines(str(tmp_path / "a"), (0, 12), (5, 5), np.dtype("<i2"), (2,))


def test_columns_and_fields_are_parts_of_records(tmp_path):
    records = np.zeros(4, [("a", ">f4"), ("b", "<i2")])
    records["b"] = [1, 2, 3, 4]
    records.tofile(tmp_path / "a")
    field = Field(Mapped(str(tmp_path / "a"), 0, (4,), records.dtype), "b")
    np.testing.assert_array_equal(field[(slice(1, 3),)], [2, 3])
    assert field[(3,)] == 4
    table = np.arange(6.0).reshape(3, 2)
    table.tofile(tmp_path / "b")
    column = Column(Mapped(str(tmp_path / "b"), 0, (3, 2), np.dtype("f8")), 1)
    np.testing.assert_array_equal(column[(slice(None),)], [1, 3, 5])
    assert column[(2,)] == 5


def test_xml_becomes_nested_dictionaries():
    root = parse_xml('\ufeff<a xmlns="urn:x"><b i="1">t</b><c>1</c><c>2</c><d><e>µ</e></d></a>\0')
    tree = xml_tree(root)
    assert tree == {"b": {"i": "1", "text": "t"}, "c": ["1", "2"], "d": {"e": "µ"}}
    assert look_up(tree, "d", "e") == "µ"
    assert look_up(tree, "d", "f", "g") == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<a>",
        "no xml",
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        "<a>&undeclared;</a>",
        "<a>" * 100_000,
    ],
)
def test_damaged_xml_and_entities_are_refused(text):
    assert parse_xml(text) is None


def test_deeply_nested_xml_is_cut():
    root = parse_xml("<a>" * 500 + "</a>" * 500)
    assert isinstance(xml_tree(root), dict)
