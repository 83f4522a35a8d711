"""Text that can be written anywhere."""

import os

import pytest

from omniscopy.model.texts import readable


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Höhe µ 測定", "Höhe µ 測定"),
        (os.fsdecode(b"H\xf6he"), "H\ufffdhe"),
        ("H\udcc3\udcb6he", "Höhe"),  # bytes of UTF-8 that a process without it was given
        ("Höhe \udcb5", "Höhe \ufffd"),
        ("half \ud800", "half ?"),
    ],
)
def test_what_is_no_letter_is_read_or_replaced(text, said):
    assert readable(text) == said
    assert readable(said) == said
