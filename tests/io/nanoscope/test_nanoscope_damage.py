"""Damaged Nanoscope files: right data or a clear refusal, quickly."""

import numpy as np
import pytest
from tests.timing import require_quick

from omniscopy.io.errors import FormatError
from omniscopy.io.nanoscope.reader import read
from omniscopy.testing.files.nanoscope import NanoscopeForce, NanoscopeImage, write_nanoscope


def load(data):
    return data[(slice(None),) * len(data.shape)]


def counts(*shape, seed=0):
    return np.random.default_rng(seed).integers(-30000, 30000, shape, dtype="i2")


@pytest.fixture
def whole(tmp_path):
    images = [NanoscopeImage(counts=counts(16, 20, seed=i), title=f"Height {i}") for i in range(3)]
    return write_nanoscope(tmp_path / "a.spm", images)


def replace(path, old, new):
    raw = path.read_bytes()
    assert old in raw
    path.write_bytes(raw.replace(old, new, 1))


def test_an_empty_file_is_refused_by_name(tmp_path):
    path = tmp_path / "empty.spm"
    path.write_bytes(b"")
    with pytest.raises(FormatError, match=r"empty\.spm.*starts with"):
        read(path)


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "a.spm"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" * 100)
    with pytest.raises(FormatError, match="a Nanoscope file starts with"):
        read(path)


def test_a_header_without_end_is_refused(whole):
    whole.write_bytes(whole.read_bytes()[:1500])
    with pytest.raises(FormatError, match="has no"):
        read(whole, partial=True)


def test_a_file_cut_at_every_kilobyte_is_refused_and_read_as_far_as_it_goes(whole):
    raw = whole.read_bytes()
    full = [load(channel.data) for channel in read(whole).channels]
    for length in range(8192, len(raw), 101):
        whole.write_bytes(raw[:length])
        with pytest.raises(FormatError, match="needs 640 bytes"):
            read(whole)
        for i, channel in enumerate(read(whole, partial=True).channels):
            rows = min(max((length - 8192 - i * 640) // 40, 0), 16)
            values = load(channel.data)
            np.testing.assert_array_equal(values[16 - rows :], full[i][16 - rows :])
            assert np.isnan(values[: 16 - rows]).all()
            assert ("incomplete" in channel.attrs) == (rows < 16)


def test_a_cut_force_curve_keeps_the_points_that_are_there(tmp_path):
    force = NanoscopeForce(extend=counts(50), retract=counts(50, seed=1))
    path = write_nanoscope(tmp_path / "a.spm", [force])
    path.write_bytes(path.read_bytes()[: 8192 + 2 * 70])
    with pytest.raises(FormatError, match="needs 200 bytes"):
        read(path)
    first, second = (load(channel.data) for channel in read(path, partial=True).channels)
    np.testing.assert_allclose(first, force.extend * 0.000375 * 62)
    np.testing.assert_allclose(second[:20], force.retract[:20] * 0.000375 * 62)
    assert np.isnan(second[20:]).all()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"Data offset: 8192", b"Data offset: 10", "start at byte 10, within the header"),
        (b"Data offset: 8192", b"Data offset: 99999999999", "needs 640 bytes, but the file"),
        (b"Data offset: 8192", b"Data offset: -5", "no whole number for it: '-5'"),
        (b"Data offset: 8832", b"Data offset: 8300", "run into"),
        (b"Data length: 640", b"Data length: 0", "no whole number of counts"),
        (b"Data length: 640", b"Data length: 641", "no whole number of counts"),
        (b"Data length: 640", b"Data length: 320", "has 160 counts, but 16 lines of 20"),
        (b"Bytes/pixel: 2", b"Bytes/pixel: 8", "counts of 8 bytes were found"),
        (b"Bytes/pixel: 2", b"Bytes/pixel: 4", "has 160 counts, but 16 lines of 20"),
        (b"Samps/line: 20", b"Samps/line: 2000000000", "lines of 2000000000"),
        (b"Number of lines: 16", b"Number of lines: x", "has 320 counts, but x lines"),
        (b"\\*Ciao image list", b"\\*Ciaoimagelist", "runs into that of a channel"),
        (b"Ciao image list", b"Ciao other list", "runs into that of a channel"),
    ],
)
def test_headers_that_contradict_themselves_are_refused(whole, old, new, message):
    replace(whole, old, new)
    with pytest.raises(FormatError, match=message):
        read(whole)
    assert len(read(whole, partial=True).channels) >= 2


def test_a_file_without_any_channel_is_refused(tmp_path):
    with pytest.raises(FormatError, match="lists no image and no force curve"):
        read(write_nanoscope(tmp_path / "a", []))


def test_a_file_of_which_no_channel_can_be_read_is_refused_even_in_part(tmp_path):
    path = write_nanoscope(tmp_path / "a", [NanoscopeImage(counts=counts(4, 4))])
    replace(path, b"Bytes/pixel: 2", b"Bytes/pixel: 9")
    with pytest.raises(FormatError, match="no channel of the file can be read"):
        read(path, partial=True)


@pytest.mark.parametrize("samples", ["", "0", "7 7", "many"])
def test_force_curves_without_points_are_refused(tmp_path, samples):
    force = NanoscopeForce(extend=counts(10), retract=counts(10), section={"Samps/line": samples})
    path = write_nanoscope(tmp_path / "a", [force])
    with pytest.raises(FormatError, match=r"force curve|no whole number"):
        read(path)


def test_a_header_of_too_many_lines_is_refused(tmp_path):
    path = tmp_path / "a.spm"
    path.write_bytes(b"\\*File list\r\n" + b"\n" * 300_000 + b"\\*File list end\r\n")
    with pytest.raises(FormatError, match="more than any Nanoscope writes"):
        read(path)


def test_endless_lines_take_no_time(whole):
    blanks = b"V [Sens. ZsensSens] (0.1 V/LSB) 1" + b" " * 1_000_000 + b"[" * 1_000_000 + b"x"
    raw = whole.read_bytes()
    old = b"V [Sens. ZsensSens] (0.0003750000 V/LSB) 24.57600 V"
    header, data = raw[:8192].replace(old, blanks, 1).rstrip(b"\0"), raw[8192:]
    for place in (8192, 8832, 9472):
        moved = str(place + len(header) - 8192).encode()
        header = header.replace(f"Data offset: {place}".encode(), b"Data offset: " + moved)
    whole.write_bytes(header + b"\0" * 40 + data)
    require_quick(lambda: read(whole, partial=True))


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("seed", range(80))
def test_random_damage_gives_data_or_a_clear_error(whole, seed, partial):
    rng = np.random.default_rng(seed)
    raw = bytearray(whole.read_bytes())
    for at in rng.integers(0, 4000 if seed % 2 else len(raw), 8):
        raw[at] ^= 1 << int(rng.integers(8))
    whole.write_bytes(raw)
    try:
        for channel in read(whole, partial=partial).channels:
            load(channel.data)
    except FormatError:
        pass
