"""Polar coordinates and distortions."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples, simulate
from omniscopy.image import find_blobs, measure_distortion, polar, undistort
from omniscopy.model import DataError, Status


def labelled(values, steps=(0.5, 0.25), start=(10.0, -3.0)):
    values = np.asarray(values, float)
    coords = {
        dim: (dim, first + step * np.arange(size), {"units": "nm"})
        for dim, first, step, size in zip("yx", start, steps, values.shape, strict=True)
    }
    return xr.DataArray(values, coords, ("y", "x"), attrs={"units": "V"})


def test_angles_turn_from_x_towards_y_and_radii_are_in_units():
    plane = labelled(np.zeros((41, 61)))
    plane = (plane + 2.0 * plane["y"] + 3.0 * plane["x"]).assign_attrs(units="V")
    found = polar(plane, (20.0, 4.0), radius_step=0.5, angle_step=30.0, max_radius=5.0)
    turn = np.radians(found["angle"])
    expected = 2 * (20 + found["radius"] * np.sin(turn)) + 3 * (4 + found["radius"] * np.cos(turn))
    np.testing.assert_allclose(found, expected.transpose("radius", "angle"))
    assert found["radius"].values[-1] == 5.0
    assert found.attrs["units"] == "V"
    assert found["radius"].attrs["units"] == "nm"


@pytest.mark.parametrize("dim", ["y", "x"])
def test_angles_are_those_of_coordinates_that_fall(dim):
    data = samples.surface()
    turned = polar(data.isel({dim: slice(None, None, -1)}), (400.0, 500.0), angle_step=15.0)
    np.testing.assert_allclose(turned, polar(data, (400.0, 500.0), angle_step=15.0), atol=1e-9)


def test_outside_and_missing_pixels_are_nan():
    data = labelled(np.ones((20, 30)))
    data[4, 7] = np.nan
    found = polar(data, (12.0, -1.25), angle_step=10.0)
    assert np.isnan(found[0]).all()
    assert np.isnan(found.isel(angle=0)[-1])
    assert float(found.mean()) == 1.0


def test_a_pattern_has_polar_coordinates_in_its_units():
    found = polar(samples.distorted_rings(), (0.23, -0.31), angle_step=2.0)
    assert found["radius"].attrs["units"] == "1/nm"
    assert found["radius"].attrs["kind"] == "reciprocal"


PARTS = {"cosine": {2: 0.02, 3: -0.006, 4: 0.003}, "sine": {2: -0.03, 3: 0.004, 4: 0.0}}


def test_a_distortion_is_measured_and_taken_out():
    rings = simulate.distorted_rings(noise=False, **PARTS)
    found = measure_distortion(rings, (3.3, 4.7))
    assert int(found["status"]) == Status.CONVERGED
    assert float(found["ky"]) == pytest.approx(0.23, abs=0.004)
    assert float(found["kx"]) == pytest.approx(-0.31, abs=0.004)
    assert float(found["radius"]) == pytest.approx(4.0, abs=0.004)
    for name, parts in PARTS.items():
        np.testing.assert_allclose(found[name], list(parts.values()), atol=4e-4)
    amplitude = np.hypot(0.02, 0.03)
    assert float(found["axis_ratio"]) == pytest.approx((1 + amplitude) / (1 - amplitude), abs=2e-3)
    direction = np.degrees(np.arctan2(-0.03, 0.02)) / 2
    assert float(found["direction"].sel(order=2)) == pytest.approx(direction, abs=0.5)
    again = measure_distortion(undistort(rings, found, order=3), (3.3, 4.7))
    np.testing.assert_allclose(again["amplitude"], 0.0, atol=5e-4)
    assert float(again["radius"]) == pytest.approx(float(found["radius"]), abs=0.004)


def test_the_reported_spread_is_the_scatter():
    stack = xr.concat(
        [simulate.distorted_rings((96, 90), radii=(3.0,), rng=n, **PARTS) for n in range(60)],
        "frame", combine_attrs="override",
    )  # fmt: skip
    found = measure_distortion(stack, (2.3, 3.7))
    for name in ("ky", "kx", "radius", "cosine", "sine"):
        scatter = found[name].std("frame")
        reported = (found[f"{name}_std"] ** 2).mean("frame") ** 0.5
        ratio = float((scatter / reported).mean())
        assert 0.75 < ratio < 1.45, name


def test_an_ellipse_is_found_on_pixels_that_are_no_squares():
    y, x = 0.5 * (np.arange(90) - 44), 0.25 * (np.arange(160) - 80)
    distance = np.hypot(y[:, None] / 1.05, x / 0.95)
    image = labelled(np.exp(-0.5 * ((distance - 12) / 0.8) ** 2), start=(y[0], x[0]))
    found = measure_distortion(image, (9.0, 15.0), orders=(2, 4))
    assert float(found["axis_ratio"]) == pytest.approx(1.05 / 0.95, abs=2e-3)
    assert abs(float(found["direction"].sel(order=2))) == pytest.approx(90.0, abs=0.5)
    assert float(found["y"]) == pytest.approx(0.0, abs=0.01)


def test_noise_has_no_ring_and_a_status():
    rings = simulate.distorted_rings(noise=False).astype(float)
    stack = xr.concat([rings, rings * np.nan], "frame", combine_attrs="override")
    found = measure_distortion(stack, (3.3, 4.7))
    assert found["status"].values.tolist() == [Status.CONVERGED, Status.NO_DATA]
    assert np.isnan(found["radius"][1])


def points_and_image():
    """Return columns on a lattice that is bent, the places they are found at, and where not."""
    ideal = np.array([(y, x) for y in np.arange(4, 60, 8.0) for x in np.arange(4, 70, 8.0)])
    bent = ideal + np.stack([
        0.04 * ideal[:, 1] + 0.8 * np.sin(ideal[:, 0] / 20), 0.06 * ideal[:, 0] - 0.5
    ], axis=1)  # fmt: skip
    y, x = np.mgrid[:68, :78]
    image = sum(np.exp(-0.5 * (((y - a) / 1.6) ** 2 + ((x - b) / 1.6) ** 2)) for a, b in bent)
    table = xr.Dataset({
        name: ("atom", values, {"units": "nm"})
        for name, values in (("y", bent[:, 0]), ("x", bent[:, 1]), ("ideal_y", ideal[:, 0]),
                             ("ideal_x", ideal[:, 1]))
    })  # fmt: skip
    return table, labelled(image, (1.0, 1.0), (0.0, 0.0))


def test_points_come_to_where_they_belong():
    table, image = points_and_image()
    found = find_blobs(undistort(image, table, order=3), sigma_range=(1.0, 3.0), min_part=0.5)
    ideal = np.stack([table["ideal_y"], table["ideal_x"]], axis=-1)
    away = found["y"].values[:, None] - ideal[:, 0], found["x"].values[:, None] - ideal[:, 1]
    nearest = np.hypot(*away).min(axis=1)
    assert found.sizes["peak"] > 50
    assert np.median(nearest) < 0.05
    moved = find_blobs(image, sigma_range=(1.0, 3.0), min_part=0.5)
    away = moved["y"].values[:, None] - ideal[:, 0], moved["x"].values[:, None] - ideal[:, 1]
    assert np.median(np.hypot(*away).min(axis=1)) > 1.0


def test_points_on_a_line_give_nothing():
    table, image = points_and_image()
    assert undistort(image, table.isel(atom=slice(0, 5))).isnull().all()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda data: polar(data, angle_step=7.0), "part a turn evenly"),
        (lambda data: polar(data, radius_step=0.0), "radius_step must be above 0"),
        (lambda data: polar(data, order=7), "order must be 0 to 5"),
        (lambda data: polar(samples.spectrum()), "two reciprocal dimensions"),
        (lambda data: measure_distortion(data, (4.0, 3.0)), "low, high"),
        (lambda data: measure_distortion(data, (4.0, 4.1)), "4 pixels"),
        (lambda data: measure_distortion(data, (3.0, 5.0), orders=(1, 2)), "from 2 on"),
        (lambda data: undistort(data, xr.Dataset()), "must be a Dataset of"),
        (lambda data: undistort(data, samples.ring_distortion(), order=9), "order must be"),
    ],
)
def test_says_what_is_wrong(call, match):
    with pytest.raises(DataError, match=match):
        call(samples.distorted_rings())
