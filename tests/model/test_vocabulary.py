"""What dimensions mean, and what kind of signal they make."""

import numpy as np
import pytest
import xarray as xr

from omniscopy.model import coordinate, dims_of_role
from omniscopy.model.vocabulary import DEFAULT_ROLE, DIMENSIONS, KINDS, kind_of, signal_type_of


@pytest.mark.parametrize(
    ("dims", "signal_type"),
    [
        (("energy_loss",), "spectrum"),
        (("time",), "line_plot"),
        (("x",), "line_plot"),
        (("y", "x"), "image"),
        (("y", "x", "channel"), "image"),
        (("frame", "y", "x"), "image_stack"),
        (("z", "y", "x"), "image_stack"),
        (("y", "x", "component"), "image_map"),
        (("y", "x", "energy_loss"), "spectral_image"),
        (("x", "energy_loss"), "spectral_image"),
        (("frame", "y", "x", "energy"), "spectral_image"),
        (("ky", "kx"), "diffraction"),
        (("frame", "ky", "kx"), "image_stack"),
        (("y", "x", "ky", "kx"), "image_4d"),
        (("point", "bias"), "point_cloud"),
        (("cycle", "bias"), "spectrum"),
        (("something",), "unknown"),
        ((), "unknown"),
    ],
)
def test_the_signal_type_follows_from_the_kinds_of_dimensions(dims, signal_type):
    assert signal_type_of([kind_of(dim) for dim in dims]) == signal_type


def test_numbered_dimensions_are_of_the_same_kind():
    assert kind_of("x_1") == "spatial"
    assert kind_of("energy_loss_2") == "spectral"
    assert kind_of("x_ray") is None


def test_every_kind_has_a_role_and_every_dimension_a_kind():
    assert set(DEFAULT_ROLE) == set(KINDS)
    assert all(dimension.kind in KINDS for dimension in DIMENSIONS.values())


def test_roles_are_those_stated_or_those_of_the_kinds_in_the_order_of_the_data():
    coords = {
        "energy_loss": coordinate("energy_loss", np.arange(3.0), "eV"),
        "y": coordinate("y", np.arange(2.0), "nm"),
        "kx": coordinate("kx", np.arange(4.0), "1/nm"),
    }
    data = xr.DataArray(np.zeros((3, 5, 2, 4)), coords, ("energy_loss", "what", "y", "kx"))
    assert dims_of_role(data, "signal") == ["energy_loss", "kx"]
    assert dims_of_role(data, "navigation") == ["what", "y"]
    data["kx"].attrs["role"] = "navigation"
    data["y"].attrs["role"] = "signal"
    assert dims_of_role(data, "signal") == ["energy_loss", "y"]
    assert dims_of_role(data, "navigation") == ["what", "kx"]
