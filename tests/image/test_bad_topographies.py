"""Scans that are not what they should be: half finished, with lost rows, of one row, masked."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import image, plot, simulate
from omniscopy.model import DataError, Status

SURFACE = simulate.grainy_surface((64, 64), extent=(500.0, 500.0), count=4, radius=(30.0, 60.0))
PLANES = {
    "plane": image.level,
    "facet": lambda data, **mask: image.level(data, "facet", **mask),
    "base": lambda data, **mask: image.level(data, "base", **mask),
    "rows": lambda data, **mask: image.align_rows(data, "median_difference", **mask),
    "steps": lambda data, **mask: image.align_rows(data, "step", **mask),
    "grains": image.find_grains,
    "roughness": image.measure_roughness,
    "hills": image.measure_hills,
    "median": lambda data, **mask: image.estimate_background(data, 40.0, **mask),
    "sphere": lambda data, **mask: image.estimate_background(data, 400.0, "sphere", **mask),
}
OTHERS = {
    "scars": image.find_scars,
    "without scars": image.remove_scars,
    "density": image.power_spectral_density,
    "correlation": image.autocorrelation,
    "structure": image.structure_function,
    "fractal": image.measure_fractal_dimension,
    "Minkowski": image.measure_minkowski,
    "slopes": image.measure_slopes,
    "curvature": image.measure_curvature,
    "drift": image.correct_row_drift,
    "turn": lambda data: image.rotate(data, 10.0),
}
ALL = PLANES | OTHERS


def spoiled(rows):
    data = SURFACE.copy()
    data[rows] = np.nan
    return data


@pytest.mark.parametrize("name", ["plane", "facet", "rows"])
def test_a_half_finished_scan_is_levelled_as_its_half(name):
    found = ALL[name](spoiled(slice(40, None)))
    np.testing.assert_allclose(found[:40], ALL[name](SURFACE[:40]), atol=1e-9)
    assert found[40:].isnull().all()


def test_a_half_finished_scan_has_the_numbers_of_its_half():
    found, half = (
        image.measure_roughness(each) for each in (spoiled(slice(40, None)), SURFACE[:40])
    )
    for name in ("sa", "sq", "ssk", "sz", "sk", "spk", "sdq", "sdr", "entropy", "inclination"):
        assert float(found[name]) == pytest.approx(float(half[name]), rel=1e-9), name
    grains = image.find_grains(spoiled(slice(40, None)), threshold=4.0)
    np.testing.assert_array_equal(grains[:40], image.find_grains(SURFACE[:40], threshold=4.0))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("rows", [slice(40, None), [10, 30, 31, 32], slice(None)])
def test_lost_rows_never_raise_and_leave_the_rest(name, rows):
    found = ALL[name](spoiled(rows))
    values = found.values if isinstance(found, xr.DataArray) else None
    if rows == slice(None) and values is not None and values.dtype.kind == "f":
        assert np.isnan(values).all()
    if rows != slice(None) and values is not None:
        assert np.isfinite(values).any()


@pytest.mark.parametrize("name", ALL)
def test_an_image_of_one_row_is_refused(name):
    with pytest.raises(DataError, match="dimension 'y' has 1 points; at least"):
        ALL[name](SURFACE[:1])


@pytest.mark.parametrize("name", PLANES)
def test_a_mask_of_everything_is_refused(name):
    with pytest.raises(DataError, match="leaves no point of the image"):
        ALL[name](SURFACE, mask=xr.ones_like(SURFACE, dtype=bool))


@pytest.mark.parametrize("name", ["sphere"])
def test_heights_that_are_no_lengths_are_refused_where_it_matters(name):
    with pytest.raises(DataError, match="both must be lengths"):
        ALL[name](SURFACE.assign_attrs(units="V"))
    assert "sdr" not in image.measure_roughness(SURFACE.assign_attrs(units="V"))


@pytest.mark.parametrize("name", ["grains", "roughness", "hills", "median", "slopes", "turn"])
def test_rows_in_seconds_are_refused_where_distances_count(name):
    data = SURFACE.assign_coords(y=SURFACE["y"].assign_attrs(units="s"))
    with pytest.raises(DataError, match="cannot be converted to 's'"):
        ALL[name](data)


def test_grains_of_nothing_are_no_data():
    nothing = spoiled(slice(None))
    table = image.measure_grains(nothing, image.find_grains(nothing))
    assert int(table["status"]) == Status.NO_DATA
    with pytest.raises(DataError, match="no finite value"):
        plot.surface(nothing)


@pytest.mark.parametrize("name", ["slopes", "curvature"])
def test_a_height_that_is_not_finite_is_missing(name):
    missing, infinite = SURFACE.copy(), SURFACE.copy()
    missing[30, 31], infinite[30, 31] = np.nan, np.inf
    xr.testing.assert_equal(*(ALL[name](each).drop_attrs() for each in (missing, infinite)))


@pytest.mark.parametrize("name", ["plane", "facet", "rows", "grains", "slopes"])
def test_rows_without_a_place_are_refused(name):
    places = SURFACE["y"].values.copy()
    places[5] = np.nan
    data = SURFACE.assign_coords(y=("y", places, SURFACE["y"].attrs))
    with pytest.raises(DataError, match=r"coordinate 'y' has 1 values that are not finite"):
        ALL[name](data)
