"""What was deflated, unpacked by either library."""

import gzip
import importlib.util
import zlib

import numpy as np
import pytest

from omniscopy.io import inflating

TEXT = np.random.default_rng(0).integers(0, 30, 300_000).astype(np.uint8).tobytes()
LIBRARIES = ["zlib", "isal.isal_zlib"]


@pytest.fixture(params=LIBRARIES)
def library(request, monkeypatch):
    if importlib.util.find_spec(request.param.partition(".")[0]) is None:
        pytest.skip("the extra `codecs` is not there")
    found = importlib.import_module(request.param)
    monkeypatch.setattr(inflating, "_quickest", found)
    return found


@pytest.mark.parametrize(
    ("packed", "wbits"),
    [(gzip.compress(TEXT), 31), (zlib.compress(TEXT), 15), (zlib.compress(TEXT)[2:-4], -15)],
)
def test_streams_are_unpacked_piece_by_piece_with_a_bound(library, packed, wbits):
    stream = inflating.inflater(wbits)
    pieces = (packed[start : start + 1000] for start in range(0, len(packed), 1000))
    assert b"".join(stream.decompress(piece, 1 << 20) for piece in pieces) == TEXT
    assert stream.eof
    assert len(inflating.inflater(wbits).decompress(packed, 5000)) == 5000


def test_half_a_stream_does_not_end_and_a_damaged_one_is_told(library):
    packed = gzip.compress(TEXT)
    stream = inflating.inflater(31)
    part = stream.decompress(packed[: len(packed) // 2])
    assert TEXT.startswith(part)
    assert not stream.eof
    inside = packed[:2000] + b"\xff" * 3000 + packed[5000:]
    for damaged in (inside, packed[:-6] + b"\0" * 6):
        with pytest.raises(inflating.DAMAGED):
            inflating.inflater(31).decompress(damaged)
