"""Lines and circles in images."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import simulate
from omniscopy.image import find_circles, find_lines
from omniscopy.model import DataError, Status


def image(values, step=(0.5, 0.8), first=(3.0, -7.0)):
    coords = {d: (d, f + s * np.arange(n), {"units": "nm"})
              for d, n, s, f in zip("yx", values.shape, step, first, strict=True)}  # fmt: skip
    return xr.DataArray(values, coords, dims=("y", "x"), attrs={"units": "counts"})


def ridge(angle, offset, shape=(120, 90), width=1.2):
    """Return a line at an angle from +x towards +y, at a distance from the middle."""
    y, x = (s * (np.arange(n) - (n - 1) / 2) for n, s in zip(shape, (0.5, 0.8), strict=True))
    normal = np.deg2rad(angle + 90.0)
    away = np.sin(normal) * y[:, None] + np.cos(normal) * x - offset
    return np.exp(-0.5 * (away / width) ** 2)


@pytest.mark.parametrize(("angle", "offset"), [(0.0, 4.0), (25.0, -6.5), (90.0, 3.0), (151.0, 8.0)])
def test_a_line_is_where_it_was_drawn(angle, offset):
    lines = find_lines(image(ridge(angle, offset)), of="bright")
    assert int(lines["count"]) == 1
    turned = (float(lines["angle"][0]) - angle + 90.0) % 180.0 - 90.0
    assert abs(turned) < 0.1
    # Half a turn of the normal is the same line.
    own = float(lines["offset"][0]) * (1 if abs(float(lines["angle"][0]) - angle) < 90 else -1)
    assert own == pytest.approx(offset, abs=0.05)
    assert float(lines["coverage"][0]) > 0.9
    middle = np.array([3.0 + 0.5 * 59.5, -7.0 + 0.8 * 44.5])
    normal = np.deg2rad(angle + 90.0)
    at = np.array([float(lines["y"][0]), float(lines["x"][0])]) - middle
    assert at @ [np.sin(normal), np.cos(normal)] == pytest.approx(offset, abs=0.05)


def test_dark_lines_and_edges_are_told_apart():
    dark = find_lines(image(-ridge(40.0, 2.0)), of="dark")
    assert int(dark["count"]) == 1
    _, x = np.mgrid[:100, :110]
    edge = find_lines(image((x > 50.5).astype(float), step=(1.0, 1.0), first=(0.0, 0.0)))
    assert int(edge["count"]) == 1
    assert float(edge["x"][0]) == pytest.approx(50.5, abs=0.05)
    assert float(edge["angle"][0]) == pytest.approx(90.0, abs=0.05)


def test_noise_of_lines_is_what_they_say():
    angles, offsets, stds = [], [], []
    for seed in range(40):
        noise = np.random.default_rng(seed).normal(0, 0.15, (120, 90))
        lines = find_lines(image(ridge(33.0, 3.0) + noise), of="bright")
        angles.append(float(lines["angle"][0]) - 33.0)
        offsets.append(float(lines["offset"][0]) - 3.0)
        stds.append([float(lines["angle_std"][0]), float(lines["offset_std"][0])])
    stated = np.mean(stds, axis=0)
    ratio = np.std([angles, offsets], axis=1) / stated
    assert ((ratio > 0.5) & (ratio < 2.0)).all(), ratio
    assert np.abs(np.mean([angles, offsets], axis=1) / stated).max() < 0.7


def test_circles_of_all_sizes_are_found_and_are_not_smaller_than_they_are():
    discs = simulate.grainy_surface((256, 256), kind="discs", count=8, rng=3, noise=0.2)
    truth = discs.attrs["metadata"]["truth"]
    found = find_circles(discs, (30.0, 80.0))
    assert int(found["count"]) == 8
    for y, x, radius in zip(truth["y"], truth["x"], truth["radius"], strict=True):
        nearest = np.hypot(found["y"].values - y, found["x"].values - x).argmin()
        one = found.isel(peak=int(nearest))
        pixel = 1000.0 / 256
        assert float(one["y"]) == pytest.approx(y, abs=0.2 * pixel)
        assert float(one["x"]) == pytest.approx(x, abs=0.2 * pixel)
        assert float(one["radius"]) == pytest.approx(radius, abs=0.15 * pixel)
        assert float(one["coverage"]) > 0.8


def test_rings_with_gaps_and_different_steps_are_circles():
    y, x = 0.5 * np.arange(140)[:, None], 0.8 * np.arange(80)
    away = np.hypot(y - 30.0, x - 33.0)
    ring = np.exp(-0.5 * ((away - 18.0) / 1.0) ** 2) * (y > 22.0)
    found = find_circles(image(ring), (10.0, 25.0), of="bright")
    assert int(found["count"]) == 1
    assert float(found["y"][0]) == pytest.approx(33.0, abs=0.2)
    assert float(found["x"][0]) == pytest.approx(26.0, abs=0.2)
    assert float(found["radius"][0]) == pytest.approx(18.0, abs=0.2)
    assert 0.5 < float(found["coverage"][0]) < 0.8


def test_noise_has_neither_and_what_is_missing_has_a_status():
    noise = image(np.random.default_rng(0).normal(0, 1, (96, 80)))
    assert int(find_lines(noise)["count"]) == 0
    assert int(find_circles(noise, (5.0, 20.0))["count"]) == 0
    gone = xr.concat([noise, noise * np.nan], "frame").chunk(frame=1)
    found = find_lines(gone)
    assert found["angle"].shape == (2, 32)
    np.testing.assert_array_equal(found["status"], [Status.CONVERGED, Status.NO_DATA])
    assert int(find_lines(image(np.zeros((40, 40))))["count"]) == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda i: find_lines(i, of="steps"), "of must be one of"),
        (lambda i: find_lines(i, min_coverage=0.0), "min_coverage must be"),
        (lambda i: find_lines(i, min_length=-1.0), "min_length must be above 0"),
        (lambda i: find_lines(i, max_lines=0), "max_lines must be"),
        (lambda i: find_circles(i, (0.5, 20.0)), "from 3 pixels"),
        (lambda i: find_circles(i, (5.0, 900.0)), "to the length of the image"),
    ],
)
def test_wrong_calls_say_what_is_wrong(call, words):
    with pytest.raises(DataError, match=words):
        call(image(np.zeros((40, 50))))
