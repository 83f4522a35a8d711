"""NeXus files: ours as the class NXdata wants them, those of others, and damaged ones."""

import hashlib

import h5py
import numpy as np
import pytest
import xarray as xr
from tests.timing import require_quick

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.model.errors import DataError


def an_image():
    return xr.Dataset(
        {
            "signal": (
                ("y", "x"),
                np.arange(12.0).reshape(3, 4),
                {"units": "V"},
            ),
            "variance": (("y", "x"), np.arange(12.0).reshape(3, 4) ** 2),
            "mask": (("y", "x"), np.eye(3, 4, dtype=bool)),
        },
        coords={
            "y": ("y", np.arange(3) * 0.5, {"units": "nm"}),
            "angle": (("y", "x"), np.ones((3, 4)), {"units": "deg"}),
        },
    )


def saved(tmp_path, **options):
    fit = xr.Dataset({"width": ("n", [1.0, 2.0]), "width_std": ("n", [0.1, 0.2])})
    tree = xr.DataTree.from_dict({"/Height": an_image(), "/results/fit": fit})
    return om.save(tree, tmp_path / "result.nxs", **options)


def test_a_file_is_known_by_its_content(tmp_path):
    path = saved(tmp_path)
    assert om.io.identify(path.rename(tmp_path / "renamed.h5")) == "nexus"


def test_what_we_write_is_what_nxdata_wants(tmp_path):
    with h5py.File(saved(tmp_path)) as file:
        assert file.attrs["NX_class"] == "NXroot"
        entry = file[file.attrs["default"]]
        assert entry.attrs["NX_class"] == "NXentry"
        data = entry[entry.attrs["default"]]
        assert data.name == "/entry/Height"
        assert data.attrs["NX_class"] == "NXdata"
        signal = data[data.attrs["signal"]]
        assert signal.shape == (3, 4)
        assert signal.attrs["units"] == "V"
        assert list(data.attrs["axes"]) == ["y", "."]
        assert data.attrs["y_indices"].tolist() == [0]
        assert data.attrs["angle_indices"].tolist() == [0, 1]
        assert data["y"].attrs["units"] == "nm"
        assert set(data.attrs["auxiliary_signals"]) == {"variance", "mask"}
        np.testing.assert_array_equal(data["signal_errors"], np.arange(12.0).reshape(3, 4))
        assert entry["results"].attrs["NX_class"] == "NXcollection"
        assert entry["results/fit/width_errors"][:].tolist() == [0.1, 0.2]
        assert entry["results"].attrs["default"] == "fit"


def test_errors_of_lazy_values_are_streamed_too(tmp_path):
    path = om.save(an_image().chunk(y=1), tmp_path / "lazy.nxs")
    with h5py.File(path) as file:
        (node,) = file["entry"].values()
        np.testing.assert_array_equal(node["signal_errors"], np.arange(12.0).reshape(3, 4))
    assert "signal_errors" not in om.open(path)["result"].data_vars


def test_an_unknown_compression_is_refused(tmp_path):
    with pytest.raises(DataError, match="compression must be 'gzip' or None"):
        saved(tmp_path, compression="zip")


def foreign(tmp_path, **attrs):
    path = tmp_path / "foreign.nxs"
    with h5py.File(path, "w") as file:
        entry = file.create_group("scan1")
        entry.attrs["NX_class"] = np.bytes_("NXentry")
        entry["title"] = "a scan"
        entry["start_time"] = "2024-05-06T07:08:09Z"
        entry["instrument/energy"] = 8.0
        entry["instrument/energy"].attrs["units"] = "keV"
        data = entry.create_group("detector")
        data.attrs["NX_class"] = "NXdata"
        data["counts"] = np.arange(24, dtype=">u4").reshape(4, 6)
        data["counts"].attrs["units"] = "counts"
        data["counts_errors"] = np.sqrt(data["counts"][:])
        data["two_theta"] = np.linspace(10, 20, 7)
        data["two_theta"].attrs["units"] = "degree"
        data["height"] = np.arange(4) * 0.5
        data.attrs.update(attrs)
    return path


def test_data_groups_of_others_are_read(tmp_path):
    path = foreign(tmp_path, signal="counts", axes=["height", "two_theta"])
    tree = om.open(path)
    data = tree["detector/signal"]
    assert data.dims == ("height", "two_theta")
    assert data.dtype == np.uint32
    assert data.dtype.isnative
    assert data.values[3, 5] == 23
    assert data.attrs["units"] == "counts"
    assert data.two_theta.attrs["units"] == "deg"
    np.testing.assert_allclose(data.two_theta.values, np.linspace(10, 20, 7)[:6])
    np.testing.assert_array_equal(tree["detector/signal_std"].values, np.sqrt(data.values))
    assert tree.attrs["metadata"] == {"title": "a scan", "started": "2024-05-06T07:08:09Z"}
    energy = tree.attrs["original_metadata"]["scan1"]["instrument"]["energy"]
    assert energy == {"value": 8.0, "units": "keV"}


def test_indices_place_an_axis_whatever_its_order(tmp_path):
    path = foreign(
        tmp_path,
        signal="counts",
        axes=["two_theta", "height"],
        two_theta_indices=[1],
        height_indices=[0],
    )
    assert om.open(path)["detector/signal"].dims == ("height", "two_theta")


@pytest.mark.parametrize("axes", ["height,.", "height:.", ["height", "."]])
def test_a_point_stands_for_no_axis(tmp_path, axes):
    data = om.open(foreign(tmp_path, signal="counts", axes=axes))["detector/signal"]
    assert data.dims == ("height", "dim_1")


def test_the_old_marks_on_datasets_are_understood(tmp_path):
    path = foreign(tmp_path)
    with h5py.File(path, "r+") as file:
        file["scan1/detector/counts"].attrs["signal"] = 1
        file["scan1/detector/height"].attrs["axis"] = 1
        file["scan1/detector/two_theta"].attrs["axis"] = 2
    assert om.open(path)["detector/signal"].dims == ("height", "two_theta")


def test_links_to_the_detector_are_followed_but_not_twice_nor_to_other_files(tmp_path):
    path = foreign(tmp_path, signal="counts")
    with h5py.File(path, "r+") as file:
        group = file["scan1"].create_group("again")
        group.attrs.update({"NX_class": "NXdata", "signal": "data"})
        group["data"] = h5py.SoftLink("/scan1/detector/counts")
        other = file["scan1"].create_group("outside")
        other.attrs.update({"NX_class": "NXdata", "signal": "data"})
        other["data"] = h5py.ExternalLink("/etc/passwd", "/x")
        file["scan1/self"] = h5py.SoftLink("/scan1")
    assert set(om.signals(om.open(path))) == {"detector"}


def test_a_file_without_classes_is_known_by_objects_that_say_their_own_path(tmp_path):
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file["entry/data/counts"] = np.ones((3, 4))
        file["entry/data"].attrs["target"] = "/entry/data"
    assert om.io.identify(tmp_path / "old.h5") == "nexus"


def test_a_file_without_arrays_is_refused(tmp_path):
    with h5py.File(tmp_path / "empty.nxs", "w") as file:
        file.create_group("entry").attrs["NX_class"] = "NXentry"
    with pytest.raises(UnsupportedFormatError, match="no data group"):
        om.open(tmp_path / "empty.nxs")


def test_hdf5_without_an_entry_is_no_nexus(tmp_path):
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["a"] = np.ones((3, 3))
    assert om.io.identify(tmp_path / "plain.h5") == "hdf5_arrays"


def loaded_or_refused(path):
    try:
        tree = om.open(path, reader="nexus")
        return {name: data.values for name, data in om.signals(tree).items()}
    except FormatError:
        return {}


@pytest.mark.parametrize("kind", ["ours", "foreign"])
def test_damaged_bytes_give_an_error_or_the_right_values(tmp_path, kind):
    path = saved(tmp_path) if kind == "ours" else foreign(tmp_path, signal="counts")
    content = path.read_bytes()
    expected = {name: data.values for name, data in om.signals(om.open(path)).items()}
    rng = np.random.default_rng(4)
    damaged = tmp_path / "damaged.nxs"
    for number in range(300):
        changed = bytearray(content)
        if number < 40:
            changed = changed[: len(content) * number // 40]
        else:
            changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
        damaged.write_bytes(changed)
        found = require_quick(lambda: loaded_or_refused(damaged))
        if kind == "ours" and found.keys() == expected.keys():
            np.testing.assert_array_equal(found["Height"], expected["Height"])


def digest(values):
    values = np.asarray(values)
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return hashlib.sha256(little.tobytes()).hexdigest()[:32]


@pytest.mark.shared
def test_real_files_hold_what_the_manifest_says(shared, real_files):
    """Every array of two or more dimensions, with its axes; single lists are metadata."""
    folder = shared / "data/vendor"
    rows = real_files("nexus")
    assert len(rows) == 3
    for row in rows:
        several = [said for said in row["signals"] if len(said["shape"]) > 1]
        wide = {(tuple(said["shape"]), said["sha256"]): said for said in several}
        found = om.signals(om.open(row["path"]))
        ours = {(data.shape, digest(data.values)): data for data in found.values()}
        assert ours.keys() == wide.keys(), row["file"]
        for data in found.values():
            title = data.attrs["path"].strip("/").replace("/", "_")
            named = [said for said in several if said["title"] in (title, data.name)]
            for dim, axis in zip(data.dims, named[0]["axes"] if named else [], strict=False):
                if axis["name"] is None or axis["units"] is None:
                    continue  # uneven in the file, which that reader does not hold
                expected = axis["offset"] + axis["scale"] * np.arange(data.sizes[dim])
                np.testing.assert_allclose(data[dim].values, expected)
    axes = om.open(folder / "nexus/nexus_test_datakey.nxs")["nexustest_axistest1/signal"]
    assert axes.y.values.tolist() == [6, 7]
    assert axes.x.values.tolist() == [3.0, 2.5, 1.0]


@pytest.mark.parametrize("label", ["Energy loss", "energy_loss", "Energy Loss"])
def test_spectra_of_hyperspy_have_our_names_and_their_kind(tmp_path, label):
    path = tmp_path / "a.nxs"
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry1")
        entry.attrs["NX_class"] = "NXentry"
        group = entry.create_group("A map")
        group.attrs.update(
            {
                "NX_class": "NXdata", "signal": "data", "interpretation": "spectrum",
                "axes": np.array(["tilt", label], h5py.string_dtype()),
            }
        )  # fmt: skip
        group["data"] = np.arange(12.0).reshape(3, 4)
        for name, units, values in (("tilt", "deg", [-5, 0, 5]), (label, "eV", [10, 12, 14, 16])):
            group.create_dataset(name, data=values).attrs["units"] = units
    data = om.open_signal(path)
    assert data.dims == ("tilt", "energy_loss")
    np.testing.assert_array_equal(data["energy_loss"], [10, 12, 14, 16])
    assert (data["energy_loss"].attrs["units"], data.attrs["signal_type"]) == ("eV", "spectrum")
    np.testing.assert_array_equal(data["tilt"], [-5, 0, 5])


def test_patterns_are_over_reciprocal_lengths(tmp_path):
    path = tmp_path / "a.nxs"
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        file["entry"].attrs["NX_class"] = "NXentry"
        axes = np.array(["y", "x"], h5py.string_dtype())
        group.attrs.update({"NX_class": "NXdata", "signal": "data", "axes": axes})
        group.attrs["interpretation"] = "image"
        group["data"] = np.zeros((2, 3))
        for name, size in (("y", 2), ("x", 3)):
            group.create_dataset(name, data=np.arange(size) / 8).attrs["units"] = "$A^{-1}$"
    data = om.open_signal(path)
    assert data.dims == ("ky", "kx")
    assert (data["kx"].attrs["units"], data.attrs["signal_type"]) == ("1/Å", "diffraction")


def test_names_that_say_more_than_ours_are_kept(tmp_path):
    path = tmp_path / "a.nxs"
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        axes = np.array(["theta", "kinetic_energy"], h5py.string_dtype())
        group.attrs.update({"NX_class": "NXdata", "signal": "data", "axes": axes})
        group["data"] = np.zeros((2, 3))
        for name, units, size in (("theta", "deg", 2), ("kinetic_energy", "eV", 3)):
            group.create_dataset(name, data=np.arange(size) / 8).attrs["units"] = units
    data = om.open_signal(path)
    assert data.dims == ("theta", "kinetic_energy")
    assert [data[dim].attrs["kind"] for dim in data.dims] == ["parameter", "spectral"]
    assert data.attrs["signal_type"] == "spectrum"


def test_images_without_axes_are_images(tmp_path):
    path = tmp_path / "a.nxs"
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        axes = np.array([".", ".", "."], h5py.string_dtype())
        group.attrs.update({"NX_class": "NXdata", "signal": "data", "axes": axes})
        group.attrs["interpretation"] = "image"
        group["data"] = np.zeros((2, 3, 4))
    assert om.open_signal(path).dims == ("dim_0", "y", "x")


@pytest.mark.parametrize("names", ["{}_{}", "{1}"])
def test_stored_counts_and_axes_are_corrected(tmp_path, names):
    # (stored + offset) * scaling_factor, as NXdata says.
    path = tmp_path / "scaled.nxs"
    with h5py.File(path, "w") as file:
        data = file.create_group("entry/data")
        file["entry"].attrs["NX_class"] = "NXentry"
        data.attrs.update(NX_class="NXdata", signal="counts", axes=["energy", "x"])
        data["counts"] = np.arange(12, dtype="i2").reshape(3, 4)
        data["counts"].attrs["units"] = "V"
        data["counts_errors"] = np.full((3, 4), 2, "i2")
        data["energy"], data["x"] = np.arange(3), np.arange(4.0)
        data[names.format("counts", "scaling_factor")] = -0.5
        data[names.format("counts", "offset")] = [10]
        data["energy_scaling_factor"], data["energy_offset"] = 0.25, -1
    made = om.open_signal(path)
    np.testing.assert_array_equal(made, (np.arange(12.0).reshape(3, 4) + 10.0) * -0.5)
    np.testing.assert_array_equal(made[0:1, 1:3], [[-5.5, -6.0]])
    assert made.attrs["units"] == "V"
    np.testing.assert_array_equal(made["energy"], [-0.25, 0.0, 0.25])
    np.testing.assert_array_equal(made["x"], np.arange(4.0))
    whole = om.open(path)
    [std] = [node["signal_std"] for node in whole.subtree if "signal_std" in node]
    np.testing.assert_array_equal(std, np.full((3, 4), 1.0))
