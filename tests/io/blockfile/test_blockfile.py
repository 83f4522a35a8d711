"""Block files: bytes laid out by hand, what `save` writes, and the real file."""

import hashlib

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.testing.files.blockfile import write_blockfile

PATTERNS = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 5)).astype(np.uint8)


def test_patterns_stand_at_their_place_of_the_scan(tmp_path):
    path = write_blockfile(tmp_path / "a.blo", PATTERNS, steps=(2.5, 1.5))
    tree = om.open(path)
    data = tree["Diffraction_patterns/signal"]
    assert data.dims == ("y", "x", "ky", "kx")
    np.testing.assert_array_equal(data, PATTERNS)
    np.testing.assert_array_equal(data["y"], [0, 2.5, 5])
    np.testing.assert_array_equal(data["x"], [0, 1.5, 3, 4.5])
    np.testing.assert_allclose(data["kx"], np.arange(5) / 62.26)
    assert (data["x"].attrs["units"], data["kx"].attrs["units"]) == ("nm", "cm")
    np.testing.assert_array_equal(data[1:, ::2, 1:4, 2], PATTERNS[1:, ::2, 1:4, 2])
    image = tree["Virtual_image/signal"]
    assert image.values.argmax() == PATTERNS.sum(axis=(2, 3)).argmax()


def test_metadata_have_their_units(tmp_path):
    tree = om.open(write_blockfile(tmp_path / "a.blo", PATTERNS, acquired=42373.5))
    metadata = tree.attrs["metadata"]
    assert metadata["beam"]["voltage"] == 200_000
    assert metadata["detector"]["camera_length"] == 0.2
    assert metadata["scan"]["rotation"] == 25
    assert metadata["started"] == "2016-01-04T12:00:00"
    assert tree.attrs["original_metadata"]["text"] == "Precession angle : 0.9"


@pytest.mark.parametrize("dtype", ["u1", "<u2"])
def test_version_1_3_says_the_depth_of_its_patterns(tmp_path, dtype):
    values = (PATTERNS.astype(dtype) * 200).astype(dtype)
    tree = om.open(write_blockfile(tmp_path / "a.blo", values, version=0x0103))
    data = tree["Diffraction_patterns/signal"]
    assert data.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(data, values)
    assert "\r\nBlo Bit Depth: " in tree.attrs["original_metadata"]["text"]
    assert tree["Virtual_image/signal"].values.argmax() == values.sum(axis=(2, 3)).argmax()


def test_a_file_without_scales_has_pixels_only(tmp_path):
    path = write_blockfile(tmp_path / "a.blo", PATTERNS, steps=(0, 0), pixels_per_metre=0)
    data = om.open(path)["Diffraction_patterns/signal"]
    assert all("units" not in data[dim].attrs for dim in data.dims)
    assert float(data["kx"][-1]) == 4


def test_a_cut_file_is_refused_and_read_in_part_on_request(tmp_path):
    path = write_blockfile(tmp_path / "a.blo", PATTERNS)
    path.write_bytes(path.read_bytes()[: -31 * 2 - 3])
    with pytest.raises(om.FormatError, match="12 patterns of 5 x 5 pixels"):
        om.open(path)
    data = om.open(path, partial=True)["Diffraction_patterns/signal"]
    np.testing.assert_array_equal(data[:2], PATTERNS[:2])
    np.testing.assert_array_equal(data[2, 0], PATTERNS[2, 0])
    assert not data[2, 1:].any()
    assert data.attrs["incomplete"]["missing_from"] == 9


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [(6, 9, "version"), (20, 0, "pattern_size is 0"), (24, 0, "columns is 0")],
)
def test_damaged_headers_are_named(tmp_path, place, value, message):
    path = write_blockfile(tmp_path / "a.blo", PATTERNS)
    content = bytearray(path.read_bytes())
    content[place : place + 2] = value.to_bytes(2, "little")
    path.write_bytes(content)
    with pytest.raises(om.FormatError, match=message):
        om.open(path, reader="blockfile")


@pytest.mark.parametrize("lazy", [False, True])
def test_a_scan_comes_back_as_it_was_with_its_history(tmp_path, lazy):
    data = om.samples.diffraction_4d().isel(kx=slice(48))
    peak = float(data.max())
    data = (data * (255 / peak)).astype("u1").assign_attrs(data.attrs)
    data = data.chunk(y=2) if lazy else data
    back = om.open_signal(om.save(data, tmp_path / "a.blo"))
    xr.testing.assert_equal(back, data)
    assert back.attrs["units"] == data.attrs["units"]
    assert om.history(back)


def test_the_layout_itself_says_scales_and_scan(tmp_path):
    scan = {"units": "µm"}
    data = xr.DataArray(
        PATTERNS,
        coords={
            "y": ("y", 0.001 * np.arange(3.0), scan),
            "x": ("x", 0.002 * np.arange(4.0), scan),
            "ky": ("ky", 0.02 * np.arange(5.0), {"units": "cm"}),
        },
        dims=("y", "x", "ky", "kx"),
        attrs={
            "metadata": {
                "started": "2020-05-06T07:08:09",
                "detector": {"camera_length": 0.135},
            }
        },
        name="a",
    )
    path = om.save(data, tmp_path / "a.blo")
    content = path.read_bytes().replace(b"OMNISCOPY", b"SOMETHING")
    path.write_bytes(content)
    back = om.open(path)["Diffraction_patterns/signal"]
    np.testing.assert_array_equal(back, PATTERNS)
    np.testing.assert_allclose(back["y"], [0, 1, 2])
    np.testing.assert_allclose(back["x"], [0, 2, 4, 6])
    np.testing.assert_allclose(back["ky"], 0.02 * np.arange(5))
    metadata = om.open(path).attrs["metadata"]
    assert metadata["started"] == "2020-05-06T07:08:09"
    assert metadata["detector"]["camera_length"] == 0.135


def test_what_a_block_file_cannot_hold_is_refused(tmp_path):
    with pytest.raises(UnsupportedFormatError, match="patterns of type uint8"):
        om.save(om.samples.diffraction_4d().astype(np.float32), tmp_path / "a.blo")


@pytest.mark.shared
def test_the_real_file_is_as_the_manifest_says(real_files):
    (row,) = real_files("blockfile_blo")
    data = om.open(row["path"])["Diffraction_patterns/signal"]
    (said,) = row["signals"]
    assert hashlib.sha256(data.values.tobytes()).hexdigest()[:32] == said["sha256"]
    for dim, axis in zip(data.dims, said["axes"], strict=True):
        step = float(data[dim][1] - data[dim][0])
        assert step == pytest.approx(axis["scale"])
        assert data[dim].attrs["units"] == axis["units"]
