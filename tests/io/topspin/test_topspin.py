"""Series and images of Topspin: laid out by hand, and real files."""

import hashlib

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.topspin import write_topspin
from omniscopy.testing.formats import check_reader

rng = np.random.default_rng(8)
PATTERNS = rng.random((2, 3, 5, 4)).astype(np.float32)
IMAGE = rng.random((4, 6))


@pytest.mark.parametrize("grouped", [True, False])
def test_patterns_stand_in_their_scan_and_images_are_calibrated(tmp_path, grouped):
    path = write_topspin(tmp_path / "a.app5", PATTERNS, image=IMAGE, grouped=grouped)
    check_reader("topspin", path)
    tree = om.open(path)
    assert om.validate(tree) == []
    found = om.signals(tree)
    series, image = found["Result"], found["VirtualImage"]
    assert series.dims == ("y", "x", "ky", "kx")
    np.testing.assert_array_equal(series, PATTERNS)
    np.testing.assert_allclose(series["x"], [100e-9, 102e-9, 104e-9])
    np.testing.assert_allclose(series["y"], [50e-9, 52e-9])
    np.testing.assert_allclose(series["kx"], -2 + 0.1 * np.arange(4))
    np.testing.assert_allclose(series["ky"], -3 + 0.2 * np.arange(5))
    assert (series["x"].attrs["units"], series["kx"].attrs["units"]) == ("m", "mrad")
    np.testing.assert_array_equal(image, IMAGE)
    np.testing.assert_allclose(image["x"], 10e-9 + 2e-9 * np.arange(6))
    np.testing.assert_allclose(image["y"], 20e-9 + 3e-9 * np.arange(4))
    metadata = series.attrs["metadata"]
    assert metadata["started"] == "2025-05-12T12:27:54"
    assert metadata["beam"] == {"voltage": 200e3}
    assert metadata["detector"] == {"camera_length": 2.8}
    assert metadata["operator"] == "A. Person"


def test_patterns_that_are_no_grid_are_points_or_frames(tmp_path):
    places = [(0.0, 0.0), (1e-9, 0.0), (3e-9, 0.0), (0.0, 1e-9), (1e-9, 1e-9), (2e-9, 1e-9)]
    path = write_topspin(tmp_path / "a.app5", PATTERNS, places=places)
    data = om.open_signal(path)
    assert data.dims == ("point", "ky", "kx")
    np.testing.assert_allclose(data["x"], [place[0] for place in places])
    np.testing.assert_array_equal(data[4], PATTERNS[1, 1])
    path = write_topspin(tmp_path / "b.app5", PATTERNS, places=[*places[:5], None])
    assert om.open_signal(path).dims == ("frame", "ky", "kx")
    line = write_topspin(tmp_path / "c.app5", PATTERNS[:1])
    assert om.open_signal(line).shape == (1, 3, 5, 4)


def test_a_grid_that_was_planned_is_checked_by_its_corners(tmp_path):
    path = write_topspin(tmp_path / "a.app5", PATTERNS, planned=True)
    data = om.open_signal(path)
    np.testing.assert_allclose(data["x"], [100e-9, 102e-9, 104e-9])
    np.testing.assert_allclose(data["y"], [50e-9, 52e-9])
    places = [(1e-9 * n, 0.0) for n in range(6)]
    other = write_topspin(tmp_path / "b.app5", PATTERNS, planned=True, places=places)
    assert om.open_signal(other).shape == (1, 6, 5, 4)


def test_images_of_angles_are_patterns(tmp_path):
    path = write_topspin(tmp_path / "a.app5", PATTERNS, image=IMAGE, image_kind="Angle")
    image = om.signals(om.open(path))["VirtualImage"]
    assert image.dims == ("ky", "kx")
    assert image["kx"].attrs["units"] == "mrad"
    path = write_topspin(tmp_path / "b.app5", PATTERNS, image=IMAGE, image_kind="Zorks")
    image = om.signals(om.open(path))["VirtualImage"]
    assert "units" not in image["x"].attrs


def test_patterns_that_differ_or_are_missing_are_refused(tmp_path):
    path = write_topspin(tmp_path / "a.app5", PATTERNS)
    with h5py.File(path, "r+") as file:
        (series,) = (each for each in file.values() if isinstance(each, h5py.Group))
        del series["4/Data"]
        series["4/Data"] = np.ones(3)
        name = series.name
    with pytest.raises(om.FormatError, match="pixels was expected"):
        om.open_signal(path).compute()
    with h5py.File(path, "r+") as file:
        del file[f"{name}/0/Data"]
        file[f"{name}/0/Data"] = np.ones(3)
    with pytest.raises(om.FormatError, match="a pattern was expected"):
        om.open(path)
    with h5py.File(path, "r+") as file:
        del file[name]
    with pytest.raises(om.FormatError, match="no images or series"):
        om.open(path)


def test_entities_are_not_expanded(tmp_path):
    path = write_topspin(tmp_path / "a.app5", PATTERNS)
    with h5py.File(path, "r+") as file:
        del file["Metadata"]
        file["Metadata"] = np.bytes_(b'<!DOCTYPE a [<!ENTITY b "c">]><Metadata>&b;</Metadata>')
    with pytest.raises(om.FormatError, match="no images or series"):
        om.open(path, reader="topspin")


# The reference swaps X and Y of the images of series (not of the series themselves): the long
# side of the first image, 500 columns from 64.1 nm on, is x. It gives angles as nm or "Angle".
@pytest.mark.shared
def test_every_real_file_is_as_the_manifest_says(real_files):
    rows = real_files("topspin_app5")
    assert len(rows) == 2
    for row in rows:
        path = row["path"]
        assert om.io.identify(path) == "topspin"
        found = list(om.signals(om.open(path)).values())
        assert len(found) == len(row["signals"])
        digests = {hashlib.sha256(data.values.tobytes()).hexdigest()[:32]: data for data in found}
        for said in row["signals"]:
            data = digests[said["sha256"]]
            assert list(data.shape) == said["shape"]
            axes = said["axes"]
            if len(axes) == 2:
                axes = [
                    {**axes[0], "offset": axes[1]["offset"]},
                    {**axes[1], "offset": axes[0]["offset"]},
                ]
            for dim, axis in zip(data.dims, axes, strict=True):
                factor = 1e3 if axis["units"] == "Angle" else 1e-9
                factor = 1e-6 if axis["units"] == "nm" and dim in ("ky", "kx") else factor
                step = float(data[dim][1] - data[dim][0])
                assert step == pytest.approx(axis["scale"] * factor, rel=1e-6)
                assert float(data[dim][0]) == pytest.approx(axis["offset"] * factor)
