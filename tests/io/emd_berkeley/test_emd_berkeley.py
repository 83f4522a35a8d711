"""EMD files: laid out by hand, what `save` writes, what peers say of it, and real files."""

import hashlib
import json
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.model.errors import DataError
from omniscopy.testing.files.emd import EmdAxis, write_emd, write_emd_words, write_prismatic

VALUES = np.arange(24.0).reshape(2, 3, 4)
PEERS = Path(__file__).resolve().parents[3] / ".venv-peers" / "bin" / "python"


def test_axes_and_metadata_are_those_of_the_file(tmp_path):
    axes = (
        EmdAxis([1.0, 2.0, 4.0, 8.0][:2], "z", "[n_m]"),
        EmdAxis([0.5, 1.0, 1.5], "y", "[n_m]"),
        EmdAxis([0.0, 0.25], "x", "[n_m]"),
    )
    about = {
        "microscope": {"voltage": "300kV", "name": "Titan"},
        "sample": {"material": "TiO2"},
        "user": {"name": "A. Person"},
        "comments": {"2020": "first light"},
    }
    data = om.open_signal(write_emd(tmp_path / "a.emd", VALUES, axes, about=about))
    assert data.dims == ("z", "y", "x")
    np.testing.assert_array_equal(data, VALUES)
    np.testing.assert_allclose(data["z"], [1, 2])
    np.testing.assert_allclose(data["y"], [0.5, 1, 1.5])
    np.testing.assert_allclose(data["x"], [0, 0.25, 0.5, 0.75])
    assert data["x"].attrs["units"] == "nm"
    metadata = data.attrs["metadata"]
    assert metadata["beam"]["voltage"] == 300e3
    assert metadata["sample"]["name"] == "TiO2"
    assert (metadata["operator"], metadata["comment"]) == ("A. Person", "first light")


def test_axes_that_are_counted_from_the_fastest_one_are_put_in_displayed_order(tmp_path):
    axes = [EmdAxis([0.0, 1.0], name, "[n_m]") for name in ("x", "y", "z")]
    data = om.open_signal(write_emd(tmp_path / "a.emd", VALUES, axes))
    assert data.dims == ("z", "y", "x")
    np.testing.assert_array_equal(data, VALUES.T)
    axes = [EmdAxis([0.0, 1.0], name) for name in ("R_x", "R_y", "Q_x")]
    assert om.open_signal(write_emd(tmp_path / "b.emd", VALUES, axes)).dims == ("y", "x", "ky")


def test_a_signal_of_hyperspy_without_names_is_turned(tmp_path):
    axes = [EmdAxis([0.0, 0.5], "", "[]"), EmdAxis([2.0, 3.0], "", "[]")]
    path = write_emd(tmp_path / "a.emd", VALUES[0], axes, group_attrs={"record_by": "image"})
    data = om.open_signal(path)
    assert data.dims == ("y", "x")
    np.testing.assert_array_equal(data, VALUES[0].T)
    np.testing.assert_allclose(data["x"], [0, 0.5, 1])
    np.testing.assert_allclose(data["y"], [2, 3, 4, 5])


def test_odd_axes_never_stop_the_data(tmp_path):
    axes = [
        EmdAxis(3),
        EmdAxis(np.array([np.nan, 1.0, 2.0])),
        EmdAxis([0.0, 1.0, 2.0], "t", "zorks"),
    ]
    data = om.open_signal(write_emd(tmp_path / "a.emd", VALUES, axes))
    assert data.dims == ("dim_0", "dim_1", "time")
    np.testing.assert_array_equal(data["dim_1"], [0, 1, 2])
    assert data["time"].attrs["units_in_file"] == "zorks"
    assert om.validate(data) == []


def test_uneven_places_and_names_of_slices_are_kept(tmp_path):
    axes = [EmdAxis(["a", "b"], "_labels_"), EmdAxis([1.0, 2.0, 4.0], "y", "nm"), EmdAxis([0, 1])]
    data = om.open_signal(write_emd_words(tmp_path / "a.h5", VALUES, axes, units="counts"))
    assert data["channel"].values.tolist() == ["a", "b"]
    np.testing.assert_array_equal(data["y"], [1, 2, 4])
    assert data.attrs["units"] == "counts"


def test_rows_of_py4dstem_are_y(tmp_path):
    cube = np.arange(120.0).reshape(2, 3, 4, 5)
    names = (("Rx", "A"), ("Ry", "A"), ("Qx", "A^-1"), ("Qy", "A^-1"))
    axes = [EmdAxis([0.0, 0.5], name, units) for name, units in names]
    points = {"qx": np.arange(3.0), "intensity": np.ones(3)}
    metadata = {"calibration": {"Q_pixel_size": 0.5}}
    path = write_emd_words(tmp_path / "a.h5", cube, axes, metadata=metadata, points=points)
    tree = om.open(path)
    data = om.signals(tree)["datacube"]
    assert data.dims == ("y", "x", "ky", "kx")
    assert data["kx"].attrs["units"] == "1/Å"
    np.testing.assert_array_equal(data, cube)
    assert data.attrs["original_metadata"]["calibration"]["Q_pixel_size"] == 0.5
    np.testing.assert_array_equal(tree["peaks"]["qx"], [0, 1, 2])


def test_depths_of_a_simulation_are_one_channel_in_the_units_it_was_made_in(tmp_path):
    depths = [VALUES, VALUES + 100]
    data = om.open_signal(write_prismatic(tmp_path / "a.emd", depths))
    assert data.dims == ("depth", "bin_outer_angle", "y", "x")
    np.testing.assert_array_equal(data, np.stack(depths))
    np.testing.assert_allclose(data["depth"], [3, 6])
    np.testing.assert_allclose(data["x"], 0.25 * np.arange(4))
    units = [data[dim].attrs["units"] for dim in data.dims]
    assert units == ["Å", "rad", "Å", "Å"]
    assert data["x"].attrs["units_in_file"] == "nm"
    assert data.attrs["metadata"]["beam"] == {"voltage": 80e3, "convergence_angle": 20.0}


def test_depths_from_a_start_within_the_sample_are_counted(tmp_path):
    path = write_prismatic(tmp_path / "a.emd", [VALUES[0]] * 2, parameters={"zs": 6.0})
    data = om.open_signal(path)
    np.testing.assert_array_equal(data["depth"], [0, 1])
    assert "units" not in data["depth"].attrs
    assert om.open_signal(write_prismatic(tmp_path / "b.emd", [VALUES[0]])).dims == ("y", "x")


@pytest.mark.parametrize("version", ["1.0", "0.2"])
@pytest.mark.parametrize("sample", ["spectrum_image", "atom_image", "diffraction_4d", "spectrum"])
def test_an_array_comes_back_as_it_was_with_its_history(tmp_path, sample, version):
    data = getattr(om.samples, sample)().chunk()
    path = om.save(data, tmp_path / "a.emd", version=version)
    assert om.io.identify(path) == "emd_berkeley"
    back = om.open_signal(path)
    xr.testing.assert_equal(back, data)
    assert back.dtype == data.dtype
    assert back.attrs["units"] == data.attrs["units"]
    assert om.history(back)[0].operation == om.history(data)[0].operation


@pytest.mark.parametrize("version", ["1.0", "0.2"])
def test_a_written_file_says_the_same_without_our_note(tmp_path, version):
    data = om.samples.spectrum_image()
    path = om.save(data, tmp_path / "a.emd", version=version, compression="gzip")
    with h5py.File(path, "r+") as file:
        if version == "1.0":
            (root,) = file.values()
            (group,) = root.values()
            del group["metadatabundle"]
        else:
            del file["comments/omniscopy"]
    back = om.open_signal(path)
    assert back.dims == data.dims
    np.testing.assert_array_equal(back, data)
    for dim in data.dims:
        np.testing.assert_allclose(back[dim], data[dim])
        assert back[dim].attrs["units"] == data[dim].attrs["units"]


def test_what_is_no_array_of_numbers_is_refused(tmp_path):
    texts = xr.DataArray(["a", "b"], dims="x", name="a")
    with pytest.raises(UnsupportedFormatError, match="holds numbers"):
        om.save(texts, tmp_path / "a.emd")
    with pytest.raises(DataError, match=r"must be '1\.0' or '0\.2'"):
        om.save(om.samples.spectrum(), tmp_path / "a.emd", version="3")
    path = write_emd_words(tmp_path / "b.h5", VALUES, [])
    with h5py.File(path, "r+") as file:
        del file["root_of_all/datacube/data"]
    with pytest.raises(UnsupportedFormatError, match="no arrays of numbers"):
        om.open(path)
    points = {"a": np.ones(3), "b": np.ones(2)}
    with pytest.raises(om.FormatError, match="fields of a list of points"):
        om.open(write_emd_words(tmp_path / "c.h5", VALUES, [], points=points))


def test_numbers_of_an_odd_layout_of_bits_are_refused(tmp_path):
    path = write_emd(tmp_path / "a.emd", VALUES, [])
    with h5py.File(path, "r+") as file:
        odd = h5py.h5t.IEEE_F64LE.copy()
        odd.set_fields(62, 52, 10, 0, 52)
        group = file["data/image"]
        del group["data"]
        space = h5py.h5s.create_simple((4,))
        h5py.h5d.create(group.id, b"data", odd, space)
    with pytest.raises(om.FormatError, match="not plain"):
        om.open(path)


# Each prints the shape, and the names and units of the dimensions.
CHECKS = {
    "emdfile": """
import sys, json, emdfile
read = emdfile.read(sys.argv[1])
print(json.dumps([list(read.data.shape), list(read.dim_names), list(read.dim_units)]))
""",
    "rsciio": """
import sys, json
from rsciio.emd import file_reader
(read,) = file_reader(sys.argv[1])
said = [[axis[key] for axis in read["axes"]] for key in ("name", "units")]
print(json.dumps([list(read["data"].shape), *said]))
""",
    "ncempy": """
import sys, json
from ncempy.io.emd import fileEMD
with fileEMD(sys.argv[1]) as file:
    data, dims = file.get_emdgroup(0)
print(json.dumps([list(data.shape), [d[1] for d in dims], [d[2].strip("[]") for d in dims]]))
""",
}


@pytest.mark.peer
@pytest.mark.parametrize(
    ("package", "version"), [("emdfile", "1.0"), ("rsciio", "1.0"), ("ncempy", "0.2")]
)
def test_other_packages_read_what_is_written(tmp_path, package, version):
    if not PEERS.exists():
        pytest.skip("the environment .venv-peers is not there")
    path = om.save(om.samples.spectrum_image(), tmp_path / "a.emd", version=version)
    command = [PEERS, "-W", "ignore", "-c", CHECKS[package], str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if f"No module named '{package}'" in run.stderr:
        pytest.skip(f"{package} is not in .venv-peers")
    assert run.returncode == 0, run.stderr
    data = om.samples.spectrum_image()
    shape, names, units = json.loads(run.stdout.splitlines()[-1])
    assert shape == list(data.shape)
    assert names == list(data.dims)
    assert units == [data[dim].attrs["units"] for dim in data.dims]


# What the reference has otherwise, and why ours is kept: no names say that the axes of the first
# are reversed, and ncempy, which wrote it, reads them in the order of the file.
_OTHER_ORDER = {"emd_type1_stringDims.h5"}
# The reference leaves the units of Prismatic as its files have them: nm and mrad, where a cell of
# silicon of 5.43 Å is 5.43 long, and detectors of 1 mrad are 0.001 apart.
_UNITS = {"R_x": "Å", "R_y": "Å", "R_z": "Å", "bin_outer_angle": "rad"}


@pytest.mark.shared
def test_every_real_file_is_as_the_manifest_says(real_files):
    rows = real_files("emd_berkeley_prismatic_py4dstem")
    assert len(rows) == 7
    for row in rows:
        path = row["path"]
        assert om.io.identify(path) == "emd_berkeley"
        found = om.signals(om.open(path))
        assert len(found) == len(row["signals"])
        for data, said in zip(found.values(), row["signals"], strict=True):
            values = data.values.T if path.name in _OTHER_ORDER else data.values
            assert list(values.shape) == said["shape"]
            digest = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
            assert digest[:32] == said["sha256"]
            if path.name in _OTHER_ORDER:
                continue
            for dim, axis in zip(data.dims, said["axes"], strict=True):
                places = data[dim]
                if places.dtype.kind in "OU":
                    assert places.values.tolist() == ["DPC_CoM_x", "DPC_CoM_y"]
                    continue
                assert float(places[0]) == pytest.approx(axis["offset"], rel=1e-6)
                if places.size > 1:
                    assert float(places[1] - places[0]) == pytest.approx(axis["scale"], rel=1e-5)
                units = (axis["units"] or "").replace(" / ", "/").strip("[]") or None
                assert places.attrs.get("units") == _UNITS.get(axis["name"], units)


def test_slices_with_names_and_means_of_patterns_are_told_apart(tmp_path):
    path = tmp_path / "a.emd"
    with h5py.File(path, "w") as file:
        file.attrs.update({"emd_group_type": "file", "version_major": 1, "version_minor": 0})
        root = file.create_group("root")
        root.attrs["emd_group_type"] = "root"
        pixels = {"units": "pixels"}
        for name, shape, kind in (
            ("stack", (3, 4, 2), "Array"),
            ("mean", (3, 4), "VirtualDiffraction"),
        ):
            group = root.create_group(name)
            group.attrs.update({"emd_group_type": "array", "python_class": kind})
            group["data"] = np.arange(np.prod(shape)).reshape(shape)
            for number in range(2):
                place = group.create_dataset(f"dim{number}", data=[0, 1])
                place.attrs.update({"name": f"dim{number}", **pixels})
        words = root["stack"].create_dataset("dim2", data=["bright", "dark"])
        words.attrs["name"] = "_labels_"
    found = om.signals(om.open(path))
    assert found["mean"].dims == ("ky", "kx")
    assert found["stack"].dims == ("channel", "y", "x")
    np.testing.assert_array_equal(
        found["stack"].sel(channel="dark"), np.arange(1, 24, 2).reshape(3, 4)
    )
