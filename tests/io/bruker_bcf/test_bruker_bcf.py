"""Maps of Bruker Esprit."""

import hashlib
import json
import pickle

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.bruker_bcf.reader import read
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.testing.files.bruker_bcf import (
    encode_header,
    encode_image,
    encode_map,
    pack,
    write_sfs,
)
from omniscopy.testing.files.bruker_spx import encode_spectrum

rng = np.random.default_rng(5)
COUNTS = rng.poisson(0.3, (5, 4, 100))
COUNTS[2, 1] = 0  # a pixel that is left out
COUNTS[3, 2] += rng.integers(0, 14, 100)
COUNTS[4, :, ::7] += 200
COUNTS[4, 0, 30] = 70_000
COUNTS[4, 0, 60] = 2_000_000
COUNTS[0, 0, 5:] = 0
IMAGE = rng.integers(0, 60_000, (5, 4)).astype(np.uint16)
PACKINGS = ("channels", "channels and pulses")
SCATTERED = {"chunk_bytes": 512, "rng": np.random.default_rng(1)}


def write(path, counts=COUNTS, *, packings=PACKINGS, packed=False, block_bytes=4096, **options):
    spectrum = encode_spectrum(counts.sum((0, 1)), name="sum")
    planes = {"BF": IMAGE, "HAADF": IMAGE + 1}
    images = [encode_image(planes, unused="BF"), encode_image({"": IMAGE}, name="Counter")]
    files = {
        "HeaderData": encode_header(images=images, spectra=[spectrum]),
        "SpectrumData0": encode_map(counts, packings=packings),
    }
    if packed:
        files = {name: pack(content, block_bytes=block_bytes) for name, content in files.items()}
    return write_sfs(path, files, **options)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("options", [{}, SCATTERED])
def test_counts_are_at_their_pixel_and_energy_however_they_are_packed(tmp_path, packed, options):
    tree = om.open(write(tmp_path / "a.bcf", packed=packed, **options))
    found = om.signals(tree)
    assert list(found) == ["HAADF", "Counter", "EDX", "EDX_sum"]
    data = found["EDX"]
    assert data.dims == ("y", "x", "energy")
    assert data.dtype == np.uint32
    np.testing.assert_array_equal(data, COUNTS)
    np.testing.assert_array_equal(data[3, ::2, 10:50:3], COUNTS[3, ::2, 10:50:3])
    np.testing.assert_array_equal(data[::-1, 1], COUNTS[::-1, 1])
    np.testing.assert_allclose(data["energy"], -0.47 + 0.01 * np.arange(100))
    np.testing.assert_allclose(data["y"], 0.25 * np.arange(5))
    np.testing.assert_allclose(data["x"], 0.5 * np.arange(4))
    assert (data["x"].attrs["units"], data["energy"].attrs["units"]) == ("µm", "keV")
    assert (data.attrs["units"], data.attrs["modality"]) == ("counts", "EDS")
    np.testing.assert_array_equal(found["EDX_sum"], COUNTS.sum((0, 1)))
    np.testing.assert_array_equal(found["HAADF"], IMAGE + 1)
    assert found["HAADF"].attrs["modality"] == "STEM"


def test_pulses_of_twelve_bits_are_counted(tmp_path):
    counts = rng.poisson(0.02, (6, 3, 4096))
    path = write(tmp_path / "a.bcf", counts, packings=["pulses"], packed=True)
    data = om.signals(om.open(path))["EDX"]
    np.testing.assert_array_equal(data, counts)


def test_metadata_are_in_common_units(tmp_path):
    data = om.signals(om.open(write(tmp_path / "a.bcf")))["EDX"]
    metadata = data.attrs["metadata"]
    assert metadata["started"] == "2018-03-04T10:06:04"
    assert metadata["beam"]["voltage"] == 15e3
    tree = om.open(tmp_path / "a.bcf")
    assert tree.attrs["metadata"] == {
        "started": "2016-08-09T14:48:10",
        "instrument": {"vendor": "Bruker"},
        "beam": {"voltage": 200e3, "magnification": 225e3},
    }
    assert '"Data":' not in json.dumps(tree.attrs["original_metadata"])


def test_channels_can_be_taken_together(tmp_path):
    path = write(tmp_path / "a.bcf")
    data = om.signals(om.open(path, rebin_energy=8))["EDX"]
    np.testing.assert_array_equal(data, COUNTS[..., :96].reshape(5, 4, 12, 8).sum(axis=-1))
    np.testing.assert_array_equal(data[1, 2, 3:9:2], data.values[1, 2, 3:9:2])
    assert float(data["energy"][0]) == pytest.approx(-0.47 + 3.5 * 0.01)
    assert float(data["energy"][1] - data["energy"][0]) == pytest.approx(0.08)
    with pytest.raises(om.FormatError, match="rebin_energy must be"):
        om.open(path, rebin_energy=0)
    with pytest.raises(om.FormatError, match="100 channels cannot be taken together by 200"):
        om.open(path, rebin_energy=200)


def test_a_map_without_a_header_of_its_own_has_the_channels_of_the_stream(tmp_path):
    files = {
        "HeaderData": encode_header(microscope=""),
        "SpectrumData0": encode_map(COUNTS, packings=PACKINGS),
    }
    (channel,) = read(write_sfs(tmp_path / "a.bcf", files)).channels
    assert channel.data.shape == (5, 4, 4096)
    assert [axis.units for axis in channel.axes] == [None, None, None]


def test_an_image_of_another_size_than_the_map_has_no_scale(tmp_path):
    image = encode_image({"SE": np.ones((9, 9), np.uint8)})
    files = {
        "HeaderData": encode_header(images=[image]),
        "SpectrumData0": encode_map(COUNTS, packings=PACKINGS),
    }
    found = read(write_sfs(tmp_path / "a.bcf", files)).channels
    assert [axis.units for axis in found[0].axes] == [None, None]
    assert [axis.units for axis in found[1].axes] == ["µm", "µm", None]
    assert found[0].data.dtype == np.uint8


def test_handles_survive_pickling_and_read_only_rows_that_are_asked(tmp_path, monkeypatch):
    from omniscopy.io.bruker_bcf.content import Content

    handle = read(write(tmp_path / "a.bcf")).channels[2].data
    handle[0, 0, 0]  # finds where the rows are
    asked = []
    real = Content.read
    monkeypatch.setattr(
        Content, "read", lambda self, a, b: asked.append((a, b)) or real(self, a, b)
    )
    again = pickle.loads(pickle.dumps(handle))
    np.testing.assert_array_equal(again[2:4], COUNTS[2:4])
    starts = handle.row_starts
    assert asked == [(starts[2], starts[3]), (starts[3], starts[4])]


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_is_cut_is_refused(tmp_path, packed):
    path = write(tmp_path / "a.bcf", packed=packed, block_bytes=1024, chunk_bytes=512)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 4])
    with pytest.raises(om.FormatError, match=r"a\.bcf"):
        om.open(path)


def test_rows_that_are_missing_are_zero_and_said(tmp_path):
    header = encode_header(spectra=[encode_spectrum(COUNTS.sum((0, 1)))])
    files = {"HeaderData": header, "SpectrumData0": encode_map(COUNTS, packings=PACKINGS)}
    path = write_sfs(tmp_path / "a.bcf", files, chunk_bytes=512)
    raw = path.read_bytes()
    path.write_bytes(raw[: -3 * 512])
    with pytest.raises(om.FormatError, match=r"SpectrumData0.*only the first \d+ are in the file"):
        om.open(path)
    data = om.signals(om.open(path, partial=True))["EDX"]
    there = data.attrs["incomplete"]["missing_from"]
    assert 0 < there < 5
    np.testing.assert_array_equal(data[:there], COUNTS[:there])
    assert not data[there:].any()


def changed(path, content, at, raw):
    """Write a file with other bytes where `content` is."""
    whole = bytearray(path.read_bytes())
    place = whole.index(content) + at
    whole[place : place + len(raw)] = raw
    path.write_bytes(whole)
    return path


def test_damage_is_named(tmp_path):
    path = write(tmp_path / "a.bcf", packings=["channels"])
    stream = encode_map(COUNTS, packings=["channels"])[:500]
    sound = path.read_bytes()
    for at, raw, message in [
        (0, b"\xff" * 4, "a map of 4294967295 x 4 pixels cannot be"),
        (0x1A0, b"\x09", "row 0: a row has more pixels"),
        (0x1A4, b"\x09", "row 0: a pixel is outside"),
        (0x1A4 + 22, b"\x05", "row 0: the counts of a pixel are not packed"),
        (0x1A4 + 18, b"\xff\xff", "the stream ends in row 0 of 5"),
    ]:
        path.write_bytes(sound)
        changed(path, stream, at, raw)
        with pytest.raises(om.FormatError, match=rf"a\.bcf.*{message}"):
            om.signals(om.open(path))["EDX"].load()


def test_packed_blocks_that_lie_are_refused(tmp_path):
    for at, raw, message in [
        (4, b"\xff" * 4, "make no sense"),
        (12, b"\x09", "packed blocks are said, 1 are there|cannot unpack"),
        (0x84, b"\xff\xff\x07", "unpacks to|cannot unpack to"),
        (0x92, b"\xff" * 4, "cannot be unpacked"),
    ]:
        path = write(tmp_path / "a.bcf", packed=True, block_bytes=1 << 19)
        changed(path, b"AACS", at, raw)
        with pytest.raises(om.FormatError, match=message):
            om.open(path)


def test_containers_without_a_map_are_refused(tmp_path):
    path = write_sfs(tmp_path / "a.bcf", {"Other": b"abc"})
    with pytest.raises(UnsupportedFormatError, match="no EDSDatabase/HeaderData"):
        om.open(path)
    (tmp_path / "b.bcf").write_bytes(b"AAMVHFSS" + bytes(400))
    with pytest.raises(om.FormatError, match="0 files in chunks of 0 bytes make no sense"):
        om.open(tmp_path / "b.bcf")
    (tmp_path / "c.bcf").write_bytes(b"AAMVHFSS")
    with pytest.raises(om.FormatError, match="a container starts with"):
        om.open(tmp_path / "c.bcf")


def test_pixels_of_images_that_are_missing_are_refused(tmp_path):
    image = encode_image({"SE": IMAGE}).replace("<Width>4<", "<Width>9<")
    path = write_sfs(tmp_path / "a.bcf", {"HeaderData": encode_header(images=[image])})
    with pytest.raises(om.FormatError, match="the pixels need 90 bytes"):
        om.open(path)


REAL = {
    "over16bit.bcf": ["BSE", "EDX"],
    "test_TEM.bcf": ["HAADF", "EDX"],
}


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
def test_real_files_have_the_values_of_the_manifest(shared, real_files, name):
    vendor = shared / "data/vendor"
    entries = {e["file"]: e for e in real_files("bruker_bcf")}
    assert set(entries) == {f"bruker_bcf/{each}" for each in REAL}
    found = om.signals(om.open(vendor / "bruker_bcf" / name))
    # The sum spectrum of the header is a channel of its own; the reference leaves it out.
    assert list(found) == [*REAL[name], "EDX_sum"]
    for expected, title in zip(entries[f"bruker_bcf/{name}"]["signals"], REAL[name], strict=True):
        data = found[title]
        assert list(data.shape) == expected["shape"]
        # Counts are always uint32 here; the reference takes the smallest type that holds them.
        values = data.values.astype(expected["dtype"])
        np.testing.assert_array_equal(values, data)
        assert hashlib.sha256(values.tobytes()).hexdigest()[:32] == expected["sha256"]
        for dim, axis in zip(data.dims, expected["axes"], strict=True):
            steps = data[dim].values
            assert steps[0] == pytest.approx(axis["offset"])
            # Pixels of images are DX x DY in the header, for the first image as for the map.
            assert steps[1] - steps[0] == pytest.approx(axis["scale"])
            assert data[dim].attrs["units"] == axis["units"]


@pytest.mark.shared
def test_the_sum_of_a_real_map_is_the_spectrum_of_its_header(shared):
    found = om.signals(om.open(shared / "data/vendor/bruker_bcf/test_TEM.bcf"))
    np.testing.assert_array_equal(found["EDX"].sum(("y", "x")), found["EDX_sum"])


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
def test_half_of_a_real_file_is_refused(shared, tmp_path, name):
    raw = (shared / "data/vendor/bruker_bcf" / name).read_bytes()
    (tmp_path / "half.bcf").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(om.FormatError, match=r"half\.bcf.*cut short"):
        om.open(tmp_path / "half.bcf")


def test_the_stage_is_in_metres(tmp_path):
    stage = (
        "<HV>20</HV></ClassInstance><ClassInstance Type='TRTSEMStageData'><X>66940.81</X>"
        "<Y>54233.16</Y><Z>39194.77</Z><Tilt>2.5</Tilt>"
    )
    image = encode_image({"SE": np.zeros((2, 3), np.uint16)})
    files = {"HeaderData": encode_header(images=[image], microscope=stage)}
    write_sfs(tmp_path / "a.bcf", files)
    metadata = next(iter(om.signals(om.open(tmp_path / "a.bcf")).values())).attrs["metadata"]
    wanted = {"x": 0.06694081, "y": 0.05423316, "z": 0.03919477, "alpha": 2.5}
    assert metadata["stage"] == pytest.approx(wanted)
    assert metadata["beam"]["voltage"] == 20e3
