"""Signals that HyperSpy writes into EMD files: without titles, without names of axes, colours."""

import h5py
import numpy as np
import pytest

import omniscopy as om


def write(path, data, dims, *, title="__unnamed__", signal_type=""):
    """Write an array as HyperSpy does: in reverse order, with two places of each axis."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"version_major": "0", "version_minor": "2"})
        group = file.create_group(f"signals/{title}")
        file["signals"].attrs["emd_group_type"] = 1
        group.attrs.update({"emd_group_type": 1, "signal_type": signal_type})
        group["data"] = data.T
        for number, (name, units, offset, scale) in enumerate(reversed(dims)):
            place = group.create_dataset(f"dim{number + 1}", data=[offset, offset + scale])
            place.attrs.update({"name": name, "units": units})
    return path


UNNAMED = [("", "[n_m]", 0.0, 0.5), ("", "[n_m]", 1.0, 0.25), ("", "[e_V]", 400.0, 2.0)]


@pytest.mark.parametrize(
    ("signal_type", "units", "name"),
    [("EELS", "[e_V]", "energy_loss"), ("EDS_TEM", "[k_e_V]", "energy"), ("", "[e_V]", "energy")],
)
def test_the_unnamed_axis_of_spectra_is_known_by_its_units(tmp_path, signal_type, units, name):
    values = np.arange(24.0).reshape(2, 3, 4)
    dims = [*UNNAMED[:2], ("", units, 400.0, 2.0)]
    data = om.open_signal(write(tmp_path / "a.emd", values, dims, signal_type=signal_type))
    assert data.dims == ("y", "x", name)
    assert data.name == "signal"
    np.testing.assert_array_equal(data, values)
    np.testing.assert_array_equal(data["y"], [0, 0.5])
    np.testing.assert_array_equal(data["x"], [1, 1.25, 1.5])
    np.testing.assert_array_equal(data[name], [400, 402, 404, 406])
    assert data.attrs["signal_type"] == "spectral_image"


@pytest.mark.parametrize("depth", ["u1", "u2"])
def test_colours_are_a_dimension(tmp_path, depth):
    pixels = np.zeros((2, 3), [("R", depth), ("G", depth), ("B", depth)])
    pixels["G"] = np.arange(6).reshape(2, 3)
    pixels["B"] = 200
    dims = [("y", "[n_m]", 0.0, 1.0), ("x", "[n_m]", 0.0, 1.0)]
    data = om.open_signal(write(tmp_path / "a.emd", pixels, dims, title="A picture"))
    assert data.dims == ("y", "x", "channel")
    assert data.dtype == np.dtype(depth)
    np.testing.assert_array_equal(data.sel(channel="green"), pixels["G"])
    np.testing.assert_array_equal(data.sel(channel="blue"), 200)


@pytest.mark.parametrize("units", ["[$_A_^_{_-_1_}_$]", "[A_^_-_1]", "$A^{-1}$"])
def test_units_marked_up_for_figures_are_units(tmp_path, units):
    dims = [("y", "[n_m]", 0.0, 1.0), ("x", "[n_m]", 0.0, 1.0)]
    dims += [("ky", units, -0.5, 0.25), ("kx", units, -0.5, 0.25)]
    data = om.open_signal(write(tmp_path / "a.emd", np.zeros((2, 3, 4, 4)), dims))
    assert data.dims == ("y", "x", "ky", "kx")
    assert data["kx"].attrs["units"] == "1/Å"
    np.testing.assert_array_equal(data["ky"], [-0.5, -0.25, 0, 0.25])
