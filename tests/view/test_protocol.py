"""Frames go there and back, and what is none is refused in words."""

import json
import struct

import pytest

from omniscopy.view.protocol import (
    MOST_HEADER,
    FrameError,
    FrameTooLargeError,
    pack,
    require_message,
    unpack,
)


def test_a_frame_goes_there_and_back():
    frame = pack({"kind": "values", "seq": 3, "µ": "é"}, [b"\1\2\3\4", b"", bytes(8)])
    header, buffers = unpack(frame)
    assert header == {"kind": "values", "seq": 3, "µ": "é"}
    assert [bytes(each) for each in buffers] == [b"\1\2\3\4", b"", bytes(8)]


def test_numbers_in_buffers_begin_at_a_multiple_of_four_bytes():
    for word in ("", "a", "ab", "abc"):
        (length,) = struct.unpack_from("<I", pack({"kind": word}, [bytes(4)]))
        assert length % 4 == 0


def _frame(text: bytes, rest: bytes = b"") -> bytes:
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text + rest


@pytest.mark.parametrize(
    ("frame", "match"),
    [
        (b"", "has 0 bytes"),
        (b"\1\0", "has 2 bytes"),
        (struct.pack("<I", 40) + b"{}  ", "does not fit"),
        (struct.pack("<I", 3) + b"{} ", "does not fit"),
        (_frame(b"nonsense"), "is not JSON"),
        (_frame(b"\xff\xfe"), "is not JSON"),
        (_frame(b'{"kind": NaN}'), "NaN is no number"),
        (_frame(b"[1]"), "an object with a text 'kind'"),
        (_frame(b'{"kind": 5}'), "an object with a text 'kind'"),
        (_frame(b'{"kind": "a", "seq": "b"}'), "'seq' of a message"),
        (_frame(b'{"kind": "a", "view": 4}'), "'view' of a message"),
        (_frame(b'{"kind": "a", "buffers": 4}'), "lists the bytes"),
        (_frame(b'{"kind": "a", "buffers": [-4]}'), "lists the bytes"),
        (_frame(b'{"kind": "a", "buffers": [8]}', b"1234"), "should have 8 bytes and have 4"),
        (_frame(b'{"kind": "a", "buffers": []}', b"1234"), "should have 0 bytes and have 4"),
    ],
)
def test_what_is_no_frame_is_refused(frame, match):
    with pytest.raises(FrameError, match=match):
        unpack(frame)


def test_large_frames_are_refused_before_they_are_read():
    with pytest.raises(FrameTooLargeError, match="may have 100"):
        unpack(bytes(101), most=100)
    with pytest.raises(FrameTooLargeError, match=f"may have {MOST_HEADER}"):
        unpack(struct.pack("<I", MOST_HEADER + 4) + b"{}")


def test_deep_headers_are_refused():
    deep: dict = {"kind": "a"}
    for _ in range(40):
        deep = {"kind": "a", "x": deep}
    with pytest.raises(FrameError, match="nested"):
        require_message(deep)
    text = b'{"kind": "a", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(FrameError):
        unpack(_frame(text))
    assert json.loads(b"[]") == []
