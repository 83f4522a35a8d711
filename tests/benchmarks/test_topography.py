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
    grains = om.image.measure_grains(clean, om.image.find_grains(clean))
    return grains, om.image.measure_roughness(clean)


def plain_roughness(z, step):
    """Measure heights, slopes, area, autocorrelation and direction, as one would write it."""
    z = z - z.mean()
    sq = np.sqrt((z**2).mean())
    found = [np.abs(z).mean(), sq, (z**3).mean() / sq**3, (z**4).mean() / sq**4, np.ptp(z)]
    found.append(np.interp(np.linspace(0, 1, 200), np.linspace(0, 1, z.size), np.sort(z.ravel())))
    slopes = np.gradient(z, step)
    found += [np.sqrt((slopes[0] ** 2 + slopes[1] ** 2).mean())]
    found += [np.sqrt(1 + slopes[0] ** 2 + slopes[1] ** 2).mean()]
    padded = [2 * n for n in z.shape]
    products = np.fft.ifft2(np.abs(np.fft.fft2(z, padded)) ** 2).real
    pairs = np.fft.ifft2(np.abs(np.fft.fft2(np.ones_like(z), padded)) ** 2).real
    found.append(np.fft.fftshift(products / np.maximum(pairs, 1)))
    power = np.abs(np.fft.fft2(z * np.multiply.outer(np.hanning(len(z)), np.hanning(len(z))))) ** 2
    k = np.fft.fftfreq(len(z))
    angles = np.rad2deg(np.arctan2(k[:, None], k)) % 180
    found.append(np.bincount(angles.astype(int).ravel(), power.ravel()))
    return found


def test_roughness_is_as_fast_as_its_parts_in_numpy(best_time, measured):
    image = surface()
    om.image.measure_roughness(image)
    ours = best_time(lambda: om.image.measure_roughness(image), 3)
    plain = best_time(lambda: plain_roughness(image.values, 10000.0 / 1024), 2)
    measured("roughness of 1024² over its parts in plain NumPy", ours / plain, "< 1")
    assert ours < plain


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

    def plainly():
        regionprops_table(grains.values, image.values, properties=names)
        plain_roughness(image.values, 10000.0 / 1024)

    plain = best_time(plainly, 1)
    measured(
        "level, align, scars, grains, roughness of 1024² over regionprops and NumPy",
        ours / plain,
        "< 1",
    )
    measured(
        "level, align, scars, grains, roughness of 1024² on this machine, seconds", ours, "<= 1"
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
