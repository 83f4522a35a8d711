"""Transforms, drift and scales against maps that are known."""

import numpy as np
import pytest

from omniscopy import samples
from omniscopy.image import calibrate, correct_pair_drift, correct_row_drift, rotate, transform
from omniscopy.model import DataError, Status


def waves(y, x):
    """Return heights of a smooth surface that has no direction and no period."""
    rng = np.random.default_rng(3)
    total = 0.0
    for _ in range(20):
        angle, k = rng.random() * np.pi, rng.uniform(0.02, 0.06)
        for sign in (-1, 1):  # as many ridges aslant to either side
            across = sign * y * np.sin(angle) + x * np.cos(angle)
            total = total + np.sin(2 * np.pi * (k * across + rng.random()))
    return total


def test_a_quarter_turn_has_the_pixels_of_the_image(image_of):
    values = np.random.default_rng(0).random((6, 9))
    turned = rotate(image_of(values, 1.0, 1.0), 90.0)
    # From +x (right) towards +y (down): what was at the right is at the bottom.
    np.testing.assert_allclose(turned, np.rot90(values, -1))
    np.testing.assert_allclose(rotate(image_of(values, 1.0, 1.0), 180.0), values[::-1, ::-1])
    assert float(turned["y"].mean()) == pytest.approx(float(image_of(values, 1.0, 1.0)["y"].mean()))


def test_turns_are_those_of_places_whatever_the_steps(image_of):
    data = image_of(np.zeros((80, 160)), 1.0, 0.5)
    grid = np.meshgrid(*(data[d].values - data[d].values.mean() for d in "yx"), indexing="ij")
    turned = rotate(data.copy(data=waves(*grid)), 25.0, interpolation="cubic", expand=False)
    (dy, dx), angle = grid, np.deg2rad(25.0)
    before = np.cos(angle) * dy - np.sin(angle) * dx, np.sin(angle) * dy + np.cos(angle) * dx
    inner = np.hypot(dy, dx) < 35
    np.testing.assert_allclose(turned.values[inner], waves(*before)[inner], atol=2e-3)
    assert turned.isnull().any()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_affine_maps_move_places_by_coordinates(image_of, sign):
    data = image_of(np.zeros((60, 70)), 1.0, sign * 1.0)
    dy, dx = np.meshgrid(*(data[d].values - data[d].values.mean() for d in "yx"), indexing="ij")
    matrix = np.array([[1.1, 0.05], [-0.1, 0.95]])
    moved = data.copy(data=waves(dy, dx))
    made = transform(moved, matrix.tolist(), offset=(2.0, -3.0), interpolation="cubic")
    inverse = np.linalg.inv(matrix)
    before = [inverse[n, 0] * (dy - 2.0) + inverse[n, 1] * (dx + 3.0) for n in range(2)]
    inner = np.hypot(dy, dx) < 20
    np.testing.assert_allclose(made.values[inner], waves(*before)[inner], atol=2e-3)


def test_expanded_maps_hold_everything_and_say_where_it_is(image_of):
    data = image_of(np.full((20, 30), 4.0), 1.0, 1.0)
    made = transform(data, ((2.0, 0.0), (0.0, 1.0)), offset=(5.0, 0.0), expand=True)
    assert made.shape == (40, 30)
    assert float(made.min()) == float(made.max()) == 4.0
    assert float(made["y"].mean()) == pytest.approx(float(data["y"].mean()) + 5.0)


def test_missing_points_stay_missing(image_of):
    values = np.arange(30.0).reshape(5, 6)
    values[2, 3] = np.nan
    np.testing.assert_allclose(rotate(image_of(values, 1.0, 1.0), 0.0).values, values)


@pytest.mark.parametrize("speed", [0.1, -0.3, 0.9])
def test_a_constant_drift_of_rows_is_found(image_of, speed):
    y, x = np.mgrid[:200, :160].astype(float)
    found = correct_row_drift(image_of(waves(y, x - speed * y), 1.0, 2.0))
    # Ridges that are aslant by chance are in the deviation.
    expected = 2.0 * speed * np.arange(200)
    assert abs(float(found["drift"][-1]) - expected[-1]) < 4 * float(found["drift_std"][-1])
    assert float(found["drift_std"][-1]) < 30.0
    shift = (found["drift"].values / 2.0)[:, None] - speed * y
    known = np.isfinite(found["corrected"].values)
    np.testing.assert_allclose(
        found["corrected"].values[known], waves(y, x + shift)[known], atol=0.02
    )
    assert found["drift"].attrs["units"] == "nm"


def test_rows_of_nothing_have_no_drift(image_of):
    found = correct_row_drift(image_of(np.zeros((20, 20))))
    assert int(found["status"]) == Status.NO_DATA
    assert found["drift"].isnull().all()


@pytest.mark.parametrize("drift", [(0.0, 0.0), (4.0, -3.0), (-6.0, 9.0)])
def test_the_drift_of_a_pair_is_found(image_of, drift):
    rows = 100
    y, x = np.mgrid[:rows, :120].astype(float)
    rate = np.array(drift) / rows

    def seen(time):
        return waves(y - rate[0] * time, x - rate[1] * time)

    first, second = image_of(seen(y), 2.0, 0.5), image_of(5.0 + seen(2 * rows - y), 2.0, 0.5)
    found = correct_pair_drift(first, second)
    assert int(found["status"]) == Status.CONVERGED
    assert float(found["drift_y"]) == pytest.approx(2.0 * drift[0], abs=0.05)
    assert float(found["drift_x"]) == pytest.approx(0.5 * drift[1], abs=0.01)
    inner = (slice(20, -20), slice(20, -20))
    np.testing.assert_allclose(
        found["corrected"].values[inner], 2.5 + waves(y, x)[inner], atol=0.03
    )


def test_noise_of_a_pair_is_in_the_deviations(image_of):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:60, :60].astype(float)
    pulls = []
    for _ in range(12):
        pair = [image_of(waves(y, x) + 0.3 * rng.standard_normal(y.shape), 1.0, 1.0) for _ in "12"]
        found = correct_pair_drift(*pair)
        pulls.append([float(found[f"drift_{d}"] / found[f"drift_{d}_std"]) for d in "yx"])
    assert 0.6 < np.std(pulls) < 1.5
    assert abs(np.mean(pulls)) < 0.8


def test_scales_and_values_are_corrected(image_of):
    data = image_of(np.arange(12.0).reshape(3, 4), units="V")
    made = calibrate(data, y=1.5, x=0.5, values=10.0, offset=1.0, units="nm")
    np.testing.assert_allclose(made["y"], [100.0, 103.0, 106.0])
    np.testing.assert_allclose(made["x"] - made["x"][0], 0.25 * np.arange(4))
    np.testing.assert_allclose(made, 10 * data.values + 1)
    assert made.attrs["units"] == "nm"


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: rotate(samples.surface(), np.inf), "angle must be finite"),
        (lambda: transform(samples.surface(), ((1, 0), (0, 0))), "can be inverted"),
        (lambda: transform(samples.surface(), ((1e4, 0), (0, 1)), expand=True), "at most 16384"),
        (lambda: calibrate(samples.surface(), y=0.0), "scale of y must be above 0"),
        (lambda: calibrate(samples.surface(), values=0.0), "not 0"),
        (lambda: calibrate(samples.surface(), units="furlongish"), "are not known"),
        (lambda: correct_row_drift(samples.surface(), degree=0), "from 1 to 6"),
        (lambda: correct_row_drift(samples.surface()[:5]), "at least 8"),
        (lambda: correct_pair_drift(samples.surface(), samples.surface()[:, 1:]), "scan"),
    ],
)
def test_says_what_is_wrong(call, match):
    with pytest.raises(DataError, match=match):
        call()
