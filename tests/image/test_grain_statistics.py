"""Distributions and correlations of grains."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from omniscopy import samples
from omniscopy.image import correlate_grains, grain_distribution
from omniscopy.model import DataError, Status


def table(**columns):
    return xr.Dataset(
        {
            name: ("grain", np.asarray(each, float), {"units": "nm"})
            for name, each in columns.items()
        }
    )


def test_classes_hold_the_grains_they_span():
    values = np.random.default_rng(0).gamma(3.0, 2.0, 300)
    values[7] = np.nan
    found = grain_distribution(table(area=values), "area", bins=12)
    counts, edges = np.histogram(values[np.isfinite(values)], 12)
    np.testing.assert_array_equal(found["count"], counts)
    np.testing.assert_allclose(found["lower"], edges[:-1])
    np.testing.assert_allclose(found["cumulative"][-1], 1.0)
    np.testing.assert_allclose((found["density"] * (found["upper"] - found["lower"])).sum(), 1.0)
    assert int(found["number"]) == 299
    assert float(found["median"]) == np.nanmedian(values)
    assert float(found["standard_deviation"]) == pytest.approx(np.nanstd(values))
    assert float(found["total"]) == pytest.approx(np.nansum(values))
    assert found["density"].attrs["units"] == "1/nm"


def test_weights_and_a_window_are_kept():
    grains = table(radius=[1.0, 2.0, 3.0, 9.0], volume=[1.0, 1.0, 2.0, 4.0])
    found = grain_distribution(grains, "radius", bins=2, window=(1.5, 3.5), weights="volume")
    np.testing.assert_array_equal(found["count"], [1, 1])
    np.testing.assert_allclose(found["fraction"], [1 / 8, 2 / 8])
    np.testing.assert_allclose(found["cumulative"], [2 / 8, 4 / 8])
    assert float(found["mean"]) == pytest.approx((1 + 2 + 6 + 36) / 8)


def test_grains_alike_are_in_one_class_and_none_in_no_class():
    found = grain_distribution(table(area=[4.0, 4.0, 4.0]), "area", bins=3)
    assert int(found["count"].sum()) == 3
    none = grain_distribution(table(area=[np.nan, np.nan]), "area")
    assert int(none["status"]) == Status.NO_DATA
    assert np.isnan(none["mean"])
    assert int(none["count"].sum()) == 0


def test_correlations_and_lines_are_those_of_scipy():
    rng = np.random.default_rng(1)
    x = rng.random(40)
    y = 3.0 * x + 1.0 + 0.2 * rng.standard_normal(40)
    y[3] = np.nan
    found = correlate_grains(table(x=x, y=y), "x", "y")
    known = np.isfinite(y)
    line = stats.linregress(x[known], y[known])
    for name, expected in (
        ("slope", line.slope), ("offset", line.intercept), ("slope_std", line.stderr),
        ("offset_std", line.intercept_stderr), ("correlation", line.rvalue),
        ("rank_correlation", stats.spearmanr(x[known], y[known]).statistic), ("number", 39),
    ):  # fmt: skip
        assert float(found[name]) == pytest.approx(expected), name
    assert np.isnan(found["first"][3])
    assert found["slope"].attrs["units"] == "1"


def test_too_few_or_equal_grains_have_no_line():
    assert np.isnan(correlate_grains(table(x=[1.0], y=[2.0]), "x", "y")["slope"])
    found = correlate_grains(table(x=[1.0, 1.0, 1.0], y=[2.0, 3.0, 4.0]), "x", "y")
    assert np.isnan(found["slope"])
    pair = correlate_grains(table(x=[1.0, 2.0], y=[2.0, 4.0]), "x", "y")
    assert float(pair["slope"]) == 2.0
    assert np.isnan(pair["slope_std"])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: grain_distribution(samples.grain_table(), "weight"), "grains have no 'weight'"),
        (lambda: grain_distribution(samples.grain_table(), "area", bins=0), "at least 1"),
        (lambda: grain_distribution(samples.grain_table(), "area", window=(2, 1)), "low, high"),
        (lambda: correlate_grains(samples.grain_table(), "area", "count"), "no 'count'"),
        (lambda: correlate_grains(xr.Dataset(), "area", "x"), "expected a table of grains"),
    ],
)
def test_says_what_is_wrong(call, match):
    with pytest.raises(DataError, match=match):
        call()


def test_atoms_are_distributed_as_grains_are():
    table = xr.Dataset({"amplitude": ("atom", [1.0, 2.0, 2.0, np.nan, 5.0], {"units": "nA"})})
    found = grain_distribution(table, "amplitude", bins=4, dim="atom")
    assert found["count"].values.tolist() == [1, 2, 0, 1]
    assert found["mean"].attrs["units"] == "nA"
    with pytest.raises(DataError, match="a Dataset along 'grain'"):
        grain_distribution(table, "amplitude")
