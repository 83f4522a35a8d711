"""Images that are flat or of half precision, and lengths larger than the image."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples
from omniscopy.image import (
    correct_pair_drift,
    correct_row_jitter,
    correct_scan_drift,
    correlate_grains,
    deconvolve,
    find_fourier_spots,
    fit_calibration,
    fit_gpa,
    join_windows,
    match_features,
    polar,
    sliding_windows,
)
from omniscopy.image.cleaning.image_noise import noise_of_image
from omniscopy.model import DataError, Status


@pytest.mark.parametrize("length", [np.inf, np.nan, 1e9])
def test_lengths_beyond_the_image_are_refused_before_anything_is_made(length):
    image = samples.atom_image()
    with pytest.raises(DataError, match="smoothing above 0 and at most 128 rows"):
        correct_row_jitter(image, smoothing=length)
    with pytest.raises(DataError, match="resolution"):
        deconvolve(image, resolution=length)
    pair = xr.concat([image, image], "frame").assign_coords(frame=[0.0, 1.0])
    for name in ("smoothing", "max_drift"):
        with pytest.raises(DataError, match=r"at most .*the height of the image"):
            correct_scan_drift(pair, [0.0, 90.0], **{name: length})


def test_flat_scans_have_no_drift():
    image = samples.atom_image()
    flat = image * 0.0 + 3.0
    found = correct_pair_drift(flat, flat)
    assert found["status"] == Status.NO_DATA
    assert np.isnan(found["drift_x"])


def test_bands_that_are_flat_in_both_scans_do_not_vote():
    image = samples.atom_image()
    half = image.where(image["y"] > float(image["y"].mean()), 2.0)
    found = correct_pair_drift(half, half)
    assert found["status"] == Status.CONVERGED
    assert abs(float(found["drift_x"])) < 1e-3
    assert abs(float(found["drift_y"])) < 1e-3


def test_noise_of_half_precision_is_that_of_double():
    values = np.random.default_rng(2).normal(5.0, 0.5, (64, 64)).astype(np.float16)
    used = np.ones(values.shape, dtype=bool)
    assert noise_of_image(values, used) == noise_of_image(values.astype(float), used)
    assert noise_of_image(values, used) == pytest.approx(0.5, rel=0.05)


def test_columns_of_grains_that_are_no_real_numbers_are_refused():
    table = samples.grain_table()
    table["area"] = table["area"].astype(complex)
    with pytest.raises(DataError, match="'area' must be real numbers, got complex128"):
        correlate_grains(table, "area", "equivalent_radius")


def test_windows_are_joined_without_attributes_and_not_without_places():
    image = samples.atom_image()
    cut = sliding_windows(image, 0.8)
    bare = cut.copy()
    bare.attrs = {}
    np.testing.assert_allclose(join_windows(bare), image, atol=1e-9)
    places = cut["y"].values.copy()
    places[1] = np.nan
    with pytest.raises(DataError, match="coordinate 'y' has 1 values that are not finite"):
        join_windows(cut.assign_coords(y=("y", places, cut["y"].attrs)))


def test_features_are_not_matched_at_any_distance():
    image = samples.atom_image()
    with pytest.raises(DataError, match="max_residual must be above 0 and finite"):
        match_features(image, image, max_residual=np.inf)


@pytest.mark.parametrize("resolution", [1e-9, 1e9])
def test_phases_are_not_averaged_over_less_than_a_pixel_or_more_than_the_image(resolution):
    with pytest.raises(DataError, match="resolution must be from a pixel"):
        fit_gpa(samples.atom_image(), resolution=resolution)


@pytest.mark.parametrize("steps", [{"radius_step": 1e-9}, {"angle_step": 1e-9},
                                   {"max_radius": 1e9}])  # fmt: skip
def test_more_points_than_an_image_holds_are_not_made(steps):
    with pytest.raises(DataError, match="points; at most"):
        polar(samples.surface(), **steps)


def test_spots_at_complex_places_do_not_calibrate():
    spots = find_fourier_spots(samples.atom_image())
    spots["ky"] = spots["ky"].astype(complex)
    with pytest.raises(DataError, match="complex128"):
        fit_calibration(spots, 0.39)
