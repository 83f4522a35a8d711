"""Data items of Nion Swift, of every number of dimensions, in both kinds of files."""

import zipfile

import h5py
import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.nion import item_properties, write_ndata, write_nion_hdf5
from omniscopy.testing.formats import check_reader

rng = np.random.default_rng(1)
NM, RAD, EV = (-4.0, 0.5, "nm"), (-0.02, 1e-3, "rad"), (-10.0, 0.1, "eV")
KINDS = [
    # calibrations, a sequence, dimensions of the scan, names
    ([NM, NM], False, 0, ("y", "x")),
    ([RAD, RAD], False, 0, ("ky", "kx")),
    ([EV], False, 0, ("energy_loss",)),
    ([(0.0, 0.2, "s"), NM, NM], True, 0, ("time", "y", "x")),
    ([(0.0, 1.0, ""), EV], True, 0, ("frame", "energy_loss")),
    ([NM, EV], False, 1, ("x", "energy_loss")),
    ([NM, NM, EV], False, 2, ("y", "x", "energy_loss")),
    ([NM, NM, RAD, RAD], False, 2, ("y", "x", "ky", "kx")),
    ([NM, NM, (0.0, 1.0, ""), EV], False, 2, ("y", "x", "ky", "energy_loss")),
    ([(0.0, 1.0, ""), NM, NM, RAD, RAD], True, 2, ("frame", "y", "x", "ky", "kx")),
]


@pytest.mark.parametrize("write", [write_ndata, write_nion_hdf5])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: " ".join(kind[3]))
def test_dimensions_are_a_sequence_a_scan_and_what_was_measured(tmp_path, write, kind):
    calibrations, sequence, collection, dims = kind
    values = rng.random([3, 4, 5, 6, 2][: len(dims)]).astype(np.float32)
    said = item_properties(calibrations, sequence=sequence, collection=collection)
    path = write(tmp_path / "a.ndata", values, said)
    check_reader("nion", path)
    data = om.open_signal(path)
    assert om.validate(data) == []
    assert data.dims == dims
    np.testing.assert_array_equal(data, values)
    assert data.dtype == np.float32
    for dim, (offset, scale, units) in zip(dims, calibrations, strict=True):
        np.testing.assert_allclose(data[dim], offset + scale * np.arange(data.sizes[dim]))
        assert data[dim].attrs.get("units", "") in (units, "1")


def test_metadata_are_in_common_words(tmp_path):
    said = item_properties(
        [NM, NM], session_metadata={"microscopist": "A. Person", "sample": "MoS2"}
    )
    data = om.open_signal(write_ndata(tmp_path / "a.ndata", np.ones((3, 4)), said))
    assert (data.name, data.attrs["units"]) == ("HAADF", "counts")
    metadata = data.attrs["metadata"]
    assert metadata["beam"] == {"voltage": 60e3}
    assert metadata["detector"] == {"name": "Scan", "exposure_time": 0.5}
    assert metadata["scan"]["dwell_time"] == pytest.approx(8e-6)
    assert metadata["scan"]["rotation"] == pytest.approx(np.degrees(0.5))
    assert (metadata["operator"], metadata["sample"]["name"]) == ("A. Person", "MoS2")
    assert metadata["started"] == "2021-09-24T18:20:11.123456"
    assert data.attrs["original_metadata"]["collection_dimension_count"] == 0


@pytest.mark.parametrize("place", ["hardware_source", "autostem", "instrument"])
def test_how_the_microscope_was_set_is_in_common_words(tmp_path, place):
    tuned = {"EHT": 100000.0, "ProbeHA": 0.032, "StageOutX": 1e-5, "StageOutA": 0.1}
    groups = {
        "hardware_source": {"hardware_source": {"ImageScanned": tuned}},
        "autostem": {"hardware_source": {"autostem": {"ImageScanned": tuned}}},
        "instrument": {"instrument": {"ImageScanned": tuned}},
    }[place]
    said = item_properties([NM, NM], metadata=groups)
    found = om.open_signal(write_ndata(tmp_path / "a.ndata", np.ones((3, 4)), said))
    found = found.attrs["metadata"]
    assert found["beam"] == pytest.approx({"voltage": 100e3, "convergence_angle": 32.0})
    assert found["stage"] == pytest.approx({"x": 1e-5, "alpha": np.degrees(0.1)})


def test_a_calibration_of_values_is_kept_beside_them(tmp_path):
    calibration = {"offset": 2.0, "scale": 3.0, "units": "e"}
    said = item_properties([NM, NM], intensity_calibration=calibration)
    data = om.open_signal(write_ndata(tmp_path / "a.ndata", np.ones((3, 4)), said))
    assert data.attrs["intensity_calibration"]["scale"] == 3.0
    assert "units" not in data.attrs
    np.testing.assert_array_equal(data, 1)


def test_colours_are_a_dimension(tmp_path):
    said = item_properties([NM, NM])
    pixels = rng.integers(0, 255, (3, 4, 3)).astype(np.uint8)
    data = om.open_signal(write_ndata(tmp_path / "a.ndata", pixels, said))
    assert data.dims == ("y", "x", "channel")
    np.testing.assert_array_equal(data.sel(channel="red"), pixels[..., 2])


@pytest.mark.parametrize("write", [write_ndata, write_nion_hdf5])
def test_odd_properties_never_stop_the_data(tmp_path, write):
    odd = {
        "dimensional_calibrations": [{"scale": 0, "units": "zorks"}, 7],
        "collection_dimension_count": 99, "metadata": [], "title": 5, "created": {},
        "intensity_calibration": "none",
    }  # fmt: skip
    data = om.open_signal(write(tmp_path / "a.ndata", np.ones((3, 4)), odd))
    assert data.dims == ("y", "x")
    assert data["y"].attrs["units_in_file"] == "zorks"
    path = write(tmp_path / "b.ndata", np.ones((3, 4, 5)), {"version": 1})
    assert om.open_signal(path).dims == ("y", "x", "sample")


def test_an_archive_of_numpy_is_no_data_item(tmp_path):
    np.savez(tmp_path / "a.npz", data=np.ones(3))
    assert om.io.identify(tmp_path / "a.npz") == "npz"


def test_damage_is_named(tmp_path):
    path = write_ndata(tmp_path / "a.ndata", np.ones((3, 4)), item_properties([NM, NM]))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"'shape': (3, 4)", b"'shape': (9, 9)"))
    with pytest.raises(om.FormatError, match="648 bytes"):
        om.open_signal(path)
    path.write_bytes(content[:-30])
    with pytest.raises(om.FormatError, match="no sound directory"):
        om.open(path)
    path.write_bytes(content.replace(b'{"title"', b'["title"'))
    with pytest.raises(om.FormatError, match="unpacks to"):
        om.open(path)
    with zipfile.ZipFile(tmp_path / "b.ndata", "w") as archive:
        archive.writestr("metadata.json", "{}")
    with pytest.raises(om.FormatError, match="no member of this name"):
        om.open(tmp_path / "b.ndata", reader="nion")
    path = write_ndata(tmp_path / "c.ndata", np.array(1.0), {})
    with pytest.raises(om.FormatError, match="no dimensions"):
        om.open(path)
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["other"] = 1
    with pytest.raises(om.FormatError, match="there is no array"):
        om.open(tmp_path / "d.h5", reader="nion")
