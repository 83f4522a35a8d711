"""Levelling leaves known surfaces, whatever is masked or missing."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import omniscopy as om
from omniscopy.model import DataError, convert_units

LEVEL = om.image.level


def plane(image, a, b, c):
    return a + b * (image["y"] - image["y"].mean()) + c * (image["x"] - image["x"].mean())


def holes(shape, seed=0, part=0.6):
    return np.random.default_rng(seed).random(shape) < part


@given(
    a=st.floats(-5, 5), b=st.floats(-0.1, 0.1), c=st.floats(-0.1, 0.1),
    seed=st.integers(0, 1000), masking=st.sampled_from(["exclude", "include"]),
)  # fmt: skip
def test_a_plane_is_nothing_after_levelling_under_any_mask(  # noqa: PLR0917
    image_of, a, b, c, seed, masking
):
    blank = image_of(np.zeros((41, 53)))
    tilted = (blank + plane(blank, a, b, c)).assign_attrs(blank.attrs)
    mask = blank.copy(data=holes(blank.shape, seed))
    used = mask if masking == "include" else ~mask
    spoiled = tilted.where(used, tilted + 50.0)
    flat = LEVEL(spoiled, mask=mask, masking=masking)
    assert float(abs(flat.where(used)).max()) < 1e-12
    np.testing.assert_allclose(
        flat.where(~used), xr.full_like(tilted, 50.0).where(~used), rtol=1e-11
    )
    assert (flat.attrs["units"], flat.attrs["long_name"]) == ("nm", "Height")


@pytest.mark.parametrize(
    ("degree", "powers"), [(3, [(0, 3), (2, 1), (1, 0)]), ((1, 4), [(1, 4), (0, 2)])]
)
def test_a_polynomial_is_nothing_after_levelling(image_of, degree, powers):
    blank = image_of(np.zeros((60, 64)))
    y, x = ((blank[d] - blank[d].mean()) / abs(blank[d] - blank[d].mean()).max() for d in "yx")
    bow = sum((n + 1) * y**i * x**j for n, (i, j) in enumerate(powers)).transpose("y", "x")
    mask = blank.copy(data=holes(blank.shape))
    flat = LEVEL(
        (bow + 100.0 * mask).assign_attrs(blank.attrs), "polynomial", degree=degree, mask=mask
    )
    assert float(abs(flat.where(~mask.astype(bool))).max()) < 1e-12


def test_a_degree_for_each_axis_is_not_swapped(image_of):
    blank = image_of(np.zeros((30, 40)))
    bow = (blank + (blank["x"] - blank["x"].mean()) ** 3).assign_attrs(blank.attrs)
    assert float(abs(LEVEL(bow, "polynomial", degree=(0, 3))).max()) < 1e-9
    assert float(abs(LEVEL(bow, "polynomial", degree=(3, 0))).max()) > 100.0


def test_half_a_scan_is_levelled_and_stays_half(image_of):
    blank = image_of(np.zeros((40, 30)))
    tilted = (blank + plane(blank, 3.0, 0.1, -0.2)).assign_attrs(blank.attrs)
    tilted[25:] = np.nan
    for method in ("plane", "facet", "polynomial", "base"):
        flat = LEVEL(tilted, method)
        assert float(abs(flat[:25]).max()) < 1e-12, method
        assert bool(flat[25:].isnull().all())


def test_images_without_a_point_are_nan_and_alone(image_of):
    values = np.stack([np.full((6, 7), np.nan), np.arange(42.0).reshape(6, 7)])
    flat = LEVEL(image_of(values))
    assert bool(flat[0].isnull().all())
    assert float(abs(flat[1]).max()) < 1e-12


def test_terraces_are_levelled_by_their_facets_and_not_by_a_plane(image_of):
    blank = image_of(np.zeros((80, 90)), dy=1.0, dx=1.0)
    terraces = (0.4 * np.floor((blank["x"] + 0.37 * blank["y"]) / 20.0)).transpose("y", "x")
    tilted = (terraces + plane(blank, 7.0, 0.03, -0.05)).assign_attrs(blank.attrs)
    flat = LEVEL(tilted, "facet")
    expected = terraces - terraces.mean()
    assert float(abs(flat - expected).max()) < 1e-11
    assert float(abs(LEVEL(tilted) - expected).max()) > 0.3


def test_the_facet_of_a_noisy_surface_is_the_one_of_most_of_it(image_of):
    rng = np.random.default_rng(3)
    ridge = np.where(np.arange(200) < 70, np.arange(200) * 0.5, 35.0 - 0.1 * (np.arange(200) - 70))
    image = image_of(np.tile(ridge, (150, 1)) + 0.01 * rng.standard_normal((150, 200)), 1.0, 1.0)
    flat = LEVEL(image, "facet")
    slope = float(flat[:, 80:190].mean("y").polyfit("x", 1)["polyfit_coefficients"][0])
    assert abs(slope) < 2e-4


def test_the_plane_through_three_points_is_zero_there(image_of):
    blank = image_of(np.zeros((30, 40)))
    bumpy = blank + np.random.default_rng(1).standard_normal(blank.shape)
    points = [(100.0, -30.0), (158.0, -20.0), (120.0, -10.5)]
    flat = LEVEL(bumpy.assign_attrs(blank.attrs), "points", points=points)
    for y, x in points:
        assert abs(float(flat.sel(y=y, x=x))) < 1e-12
    tilted = (blank + plane(blank, 1.0, 0.2, -0.3)).assign_attrs(blank.attrs)
    assert float(abs(LEVEL(tilted, "points", points=points)).max()) < 1e-12
    inside = [(110.0, -25.0), (140.0, -20.0), (120.0, -15.0)]
    assert float(abs(LEVEL(tilted, "points", points=inside, radius=3.0)).max()) < 1e-12


def test_the_base_under_particles_is_flattened():
    particles = om.simulate.grainy_surface(noise=0.0)
    y, x = ((particles[d] - 500.0) / 500.0 for d in "yx")
    bent = (particles + 3.0 * x + 5.0 * y**2 - 4.0 * x * y).transpose("y", "x")
    flat = LEVEL(bent.assign_attrs(particles.attrs), "base")
    base = particles == 0
    assert float(abs(flat.where(base)).max()) < 1e-9
    assert (
        float(abs(LEVEL(bent.assign_attrs(particles.attrs), "polynomial").where(base)).max()) > 0.5
    )


def test_slopes_follow_the_units_of_the_coordinates(image_of):
    blank = image_of(np.zeros((30, 40)))
    mixed = (blank + plane(blank, 1.0, 0.2, -0.3)).assign_attrs(blank.attrs)
    mixed = convert_units(mixed, "µm", dim="y")
    assert float(abs(LEVEL(mixed, "facet")).max()) < 1e-12


def test_wrong_calls_are_refused(image_of):
    image = image_of(np.random.default_rng(0).random((8, 9)))
    with pytest.raises(DataError, match="has 1 points; at least 2"):
        LEVEL(image[:1])
    with pytest.raises(DataError, match="leaves no point"):
        LEVEL(image, mask=image > -1)
    with pytest.raises(DataError, match="leaves no point"):
        LEVEL(image, mask=image > 2, masking="include")
    with pytest.raises(DataError, match="other labels of 'y'"):
        LEVEL(image, mask=(image > 0.5).assign_coords(y=image["y"] + 1))
    with pytest.raises(DataError, match="at least three points"):
        LEVEL(image, "points", points=[(100.0, -30.0)])
    with pytest.raises(DataError, match="lie on a line"):
        LEVEL(image, "points", points=[(100.0, -30.0), (102.0, -29.0), (104.0, -28.0)])
    with pytest.raises(DataError, match="outside of the image"):
        LEVEL(image, "points", points=[(0.0, 0.0), (102.0, -29.0), (104.0, -30.0)])
    with pytest.raises(DataError, match="degree must be"):
        LEVEL(image, "polynomial", degree=-1)
    with pytest.raises(DataError, match="method must be one of"):
        LEVEL(image, "magic")
    with pytest.raises(DataError, match="measure different things"):
        LEVEL(image.assign_coords(x=image["x"].assign_attrs(units="V")), "facet")
