"""Terraces and the steps between them."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import simulate
from omniscopy.image import fit_terraces
from omniscopy.model import DataError, Status


def heights(values, step=(2.0, 3.0)):
    coords = {d: (d, s * np.arange(n), {"units": "nm"})
              for d, n, s in zip("yx", values.shape, step, strict=True)}  # fmt: skip
    return xr.DataArray(values, coords, dims=("y", "x"), attrs={"units": "nm"})


def staircase(shape=(130, 170), rise=0.4):
    """Return three terraces, and how many steps each point is up; the middle is the largest."""
    x = np.arange(shape[1])
    number = np.where(x < 50, 2, np.where(x < 125, 0, -1))
    return rise * np.broadcast_to(number, shape)


def test_a_tilted_staircase_is_level_and_its_steps_are_measured():
    y, x = np.mgrid[:130, :170]
    found = fit_terraces(heights(staircase() + 0.03 * y - 0.011 * x + 5.0))
    assert int(found["count"]) == 3
    np.testing.assert_allclose(found["height"], [0.0, 0.8, -0.4], atol=1e-9)
    np.testing.assert_array_equal(found["number"], [0, 2, -1])
    assert float(found["step_height"]) == pytest.approx(0.4, abs=1e-9)
    np.testing.assert_allclose(found["levelled"], staircase(), atol=1e-9)
    assert found["levelled"].attrs["units"] == "nm"
    assert found["area"].attrs["units"] == "nm^2"
    assert float(found["area"][0]) == pytest.approx(75 * 130 * 6.0, rel=0.02)
    assert int(found["terraces"][60, 85]) == 1
    assert int(found["terraces"][60, 10]) == 2


def test_a_bow_is_taken_off_with_a_degree():
    y, x = np.mgrid[:130, :170]
    bow = 1e-5 * (y - 60.0) ** 2 - 2e-5 * (x - 80.0) ** 2 + 1e-5 * x * y
    found = fit_terraces(heights(staircase() + bow), degree=2)
    np.testing.assert_allclose(found["height"], [0.0, 0.8, -0.4], atol=1e-6)


def test_heights_and_steps_scatter_as_much_as_they_say():
    _, x = np.mgrid[:130, :170]
    rises, stds, steps, step_stds = [], [], [], []
    for seed in range(40):
        noise = np.random.default_rng(seed).normal(0, 0.05, (130, 170))
        found = fit_terraces(heights(staircase() + 0.002 * x + noise))
        rises.append(found["height"].values[1:])
        stds.append(found["height_std"].values[1:])
        steps.append(float(found["step_height"]))
        step_stds.append(float(found["step_height_std"]))
        assert float(found["roughness"]) == pytest.approx(0.05, rel=0.05)
    np.testing.assert_allclose(np.mean(rises, axis=0), [0.8, -0.4], atol=1e-3)
    assert np.mean(steps) == pytest.approx(0.4, abs=1e-3)
    # Tilt and heights are fitted together: heights are less sure than means alone.
    ratio = np.std(rises, axis=0) / np.mean(stds, axis=0)
    assert ((ratio > 0.7) & (ratio < 1.4)).all()
    assert 0.4 < np.std(steps) / np.mean(step_stds) < 2.0


def test_what_is_not_there_is_left_out():
    values = np.array(staircase())
    values[:20] = np.nan
    values[70, 60] = 30.0
    found = fit_terraces(heights(values))
    assert int(found["count"]) == 3
    np.testing.assert_allclose(found["height"], [0.0, 0.8, -0.4], atol=2e-3)
    assert np.isnan(found["levelled"][:20]).all()
    assert (found["terraces"][:20] == 0).all()
    nothing = fit_terraces(heights(np.full((20, 20), np.nan)))
    assert int(nothing["status"]) == Status.NO_DATA
    flat = fit_terraces(heights(np.zeros((20, 30))))
    assert int(flat["count"]) == 1
    assert np.isnan(flat["step_height"])


def test_stacks_are_taken_one_by_one():
    one = simulate.patterned_surface((60, 64), kind="steps", period=300.0, height=1.0)
    stack = xr.concat([one, 2.0 * one], "frame").chunk(frame=1)
    found = fit_terraces(stack.assign_attrs(units="nm"), max_terraces=8)
    assert found["height"].shape == (2, 8)
    np.testing.assert_allclose(found["step_height"], [1.0, 2.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"degree": 9}, "degree must be"),
        ({"min_area": 0.0}, "min_area must be a part"),
        ({"step_height": -1.0}, "step_height must be above 0"),
        ({"max_terraces": 0}, "max_terraces must be"),
    ],
)
def test_wrong_calls_say_what_is_wrong(options, words):
    with pytest.raises(DataError, match=words):
        fit_terraces(heights(np.zeros((20, 20))), **options)
