"""Cleaning by windows, deconvolution, templates and blobs, against the same done plainly."""

import numpy as np
import pytest
from skimage.feature import blob_log, match_template
from skimage.restoration import richardson_lucy
from sklearn.utils.extmath import randomized_svd

import omniscopy as om
from omniscopy.image.cleaning.deconvolution import gaussian_psf

pytestmark = pytest.mark.benchmark


def patches_cleaned(image, width, rank):
    """Return what singular vectors of a matrix of all windows leave, windows averaged."""
    mean = image.mean()
    windows = np.lib.stride_tricks.sliding_window_view(image - mean, (width, width))
    rows = windows.reshape(-1, width * width)
    left, values, right = randomized_svd(rows, rank, random_state=0)
    parts = ((left * values) @ right).reshape(windows.shape)
    total, count = np.zeros(image.shape), np.zeros(image.shape)
    for i, j in np.ndindex(width, width):
        place = (slice(i, i + parts.shape[0]), slice(j, j + parts.shape[1]))
        total[place] += parts[:, :, i, j]
        count[place] += 1
    return total / count + mean


def test_windows_are_cleaned_without_a_matrix_of_them(best_time, measured):
    image = om.simulate.atom_image((256, 256))
    exact = om.simulate.atom_image((256, 256), noise=False)
    found = om.image.clean_svd(image, 0.48, components=16)
    ours = best_time(lambda: om.image.clean_svd(image, 0.48, components=16), 3)
    plain = best_time(lambda: patches_cleaned(image.values.astype(float), 12, 16), 1)
    same = patches_cleaned(image.values.astype(float), 12, 16)
    assert float(abs(found - same).max()) < 0.05 * float(exact.std())
    measured(
        "clean_svd of 256² in windows of 12² over a matrix of all windows", ours / plain, "< 0.1"
    )
    assert ours < plain / 3


def test_richardson_and_lucy_take_no_longer_than_in_scikit_image(best_time, measured):
    image = om.simulate.atom_image((256, 256))
    psf = gaussian_psf(0.12, (0.04, 0.04))
    values = image.values.astype(float)
    ours = best_time(
        lambda: om.image.deconvolve(image, resolution=0.12, max_steps=30, tolerance=0.0), 3
    )  # fmt: skip
    plain = best_time(lambda: richardson_lucy(values, psf, num_iter=30, clip=False), 3)
    measured("deconvolve, 30 steps of 256², over skimage.restoration", ours / plain, "< 1.5")
    assert ours < 2.5 * plain


def test_masks_of_templates_do_not_cost_much(best_time, measured):
    image = om.simulate.atom_image((512, 512))
    template = om.samples.atom_template()
    om.image.correlate_template(image, template)
    ours = best_time(lambda: om.image.correlate_template(image, template), 3)
    plain = best_time(
        lambda: match_template(image.values, template.values.astype(np.float32), pad_input=True), 3
    )  # fmt: skip
    measured("correlate_template of 512² over skimage match_template", ours / plain, "< 10")
    assert ours < 15 * plain


def test_blobs_are_found_faster_than_by_skimage(best_time, measured):
    image = om.simulate.atom_image((512, 512))
    values = image.values / float(image.max())
    found = om.image.find_blobs(image, sigma_range=(0.04, 0.16))
    ours = best_time(lambda: om.image.find_blobs(image, sigma_range=(0.04, 0.16)), 3)
    plain = best_time(
        lambda: blob_log(values, min_sigma=1, max_sigma=4, num_sigma=9, threshold=0.05), 1
    )  # fmt: skip
    assert found.sizes["peak"] > 1000
    measured("find_blobs of 512² over skimage blob_log", ours / plain, "< 1")
    assert ours < 1.5 * plain
