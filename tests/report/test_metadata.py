"""Metadata in words, and as a tree."""

import numpy as np

from omniscopy.report.metadata import metadata_tree, readable_rows


def test_common_metadata_are_words_with_units_in_the_order_of_the_vocabulary():
    rows = readable_rows(
        {"beam": {"voltage": 200e3, "mode": "STEM"}, "title": "Area 1", "further": {"own": 3}}
    )
    assert rows == [
        ("Title", "Area 1"), ("Beam: voltage", "200 kV"), ("Beam: mode", "STEM"),
        ("Further: own", "3"),
    ]  # fmt: skip


def test_metadata_without_a_value_are_left_out():
    assert readable_rows({"title": "", "operator": None, "beam": {}}) == []


def test_a_tree_keeps_every_name_and_shortens_long_text():
    entries, left_out = metadata_tree({"a": {"b": [{"c": 1.5}, {"c": "x" * 1000}]}, "d": [1, 2]})
    (a, d) = entries
    first, second = a.entries[0].entries
    assert (first.entries[0].name, first.entries[0].value) == ("c", "1.5")
    assert second.entries[0].value.endswith("… (1000 characters)")
    assert (d.name, d.value, left_out) == ("d", "1, 2", 0)


def test_a_tree_of_absurd_size_or_depth_is_bounded():
    _, left_out = metadata_tree({"a": {str(i): i for i in range(30_000)}})
    assert left_out == 10_000
    deep: dict = {}
    for _ in range(5000):
        deep = {"deeper": deep}
    entries, _ = metadata_tree(deep)
    assert len(entries) == 1


def test_arrays_are_written_out():
    entries, _ = metadata_tree({"a": np.arange(3)})
    assert entries[0].value == "0, 1, 2"
