"""The usual chain for a topography, against the same steps written plainly."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import regionprops_table

import omniscopy as om

pytestmark = pytest.mark.benchmark


def surface():
    return om.simulate.grainy_surface(
        (1024, 1024), extent=(10000.0, 10000.0), count=600, radius=(50.0, 130.0),
        tilt=(0.01, 0.02), row_shift=0.5,
    )  # fmt: skip


def chain(image):
    flat = om.image.align_rows(om.image.level(image), "median_difference")
    clean = om.image.remove_scars(flat)
    return om.image.measure_grains(clean, om.image.find_grains(clean))


def test_a_topography_is_levelled_aligned_cleaned_and_measured_in_time(best_time, measured):
    image = surface()
    chain(image)
    ours = best_time(lambda: chain(image), 3)
    grains = om.image.find_grains(om.image.align_rows(om.image.level(image), "median_difference"))
    names = [
        "area",
        "centroid",
        "perimeter",
        "axis_major_length",
        "feret_diameter_max",
        "intensity_mean",
    ]
    plain = best_time(
        lambda: regionprops_table(grains.values, image.values, properties=names), 1
    )  # fmt: skip
    measured(
        "level, align, scars, grains of 1024² over six properties by regionprops",
        ours / plain,
        "< 1",
    )
    measured(
        "level, align, scars, grains of 1024² on this machine, seconds", ours, "with roughness <= 1"
    )
    assert ours < plain


def test_medians_in_a_disc_are_faster_than_a_filter_that_sorts(best_time, measured):
    image = surface()[:256, :256]
    radius = 15.0 * 10000.0 / 1024
    om.image.estimate_background(image, radius)
    y, x = np.mgrid[-15:16, -15:16]
    ours = best_time(lambda: om.image.estimate_background(image, radius), 3)
    plain = best_time(
        lambda: ndimage.median_filter(image.values, footprint=np.hypot(y, x) <= 15), 1
    )  # fmt: skip
    measured("median in a disc of 15 pixels over scipy.ndimage", ours / plain, "< 1/3")
    assert ours < plain / 3
