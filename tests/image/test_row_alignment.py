"""Rows that were shifted come back to where they were."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.model import DataError

METHODS = ["median", "median_difference", "trimmed_mean", "polynomial", "mode", "matching", "step",
           "quantile"]  # fmt: skip


def shifted(image_of, rows=50, columns=60, seed=0):
    shape = np.sin(np.arange(columns) / 5.0)
    shifts = np.random.default_rng(seed).standard_normal(rows)
    return image_of(np.tile(shape, (rows, 1))), image_of(shape + shifts[:, None])


@pytest.mark.parametrize("method", METHODS)
def test_shifts_of_rows_are_taken_away(image_of, method):
    flat, moved = shifted(image_of)
    aligned = om.image.align_rows(moved, method, degree=0)
    apart = aligned - flat
    assert float(apart.std()) < 1e-12
    assert float(abs(aligned - aligned[0]).max()) < 1e-12
    assert aligned.attrs["units"] == "nm"


@pytest.mark.parametrize("method", METHODS)
def test_what_is_masked_and_what_is_missing_does_not_count(image_of, method):
    flat, moved = shifted(image_of)
    mask = np.zeros(moved.shape, dtype=bool)
    mask[10:30, 20:40] = mask[17] = True
    moved[10:30, 20:40] += 30.0
    moved[40:] = np.nan
    aligned = om.image.align_rows(moved, method, degree=0, mask=flat.copy(data=mask))
    left = (aligned - flat).where(~mask)[:40]
    # Rows compared with themselves only: where points are missing, their medians are others.
    own = {"median", "trimmed_mean", "mode", "quantile", "polynomial"}
    if method not in own:
        assert float(left.std()) < 1e-12
    assert bool(aligned[40:].isnull().all())
    rows = [n for n in range(40) if not 10 <= n < 30]
    assert float((aligned - flat)[rows].std()) < 1e-12


@pytest.mark.parametrize("degree", range(6))
def test_polynomials_of_rows_are_taken_away(image_of, degree):
    rng = np.random.default_rng(degree)
    x = np.linspace(-1, 1, 70)
    bent = image_of([np.polyval(rng.standard_normal(degree + 1), x) for _ in range(20)])
    mask = bent.copy(data=rng.random(bent.shape) < 0.4)
    spoiled = bent.where(mask == 0, 9.0)
    flat = om.image.align_rows(spoiled, "polynomial", degree=degree, mask=mask)
    assert float(abs(flat.where(mask == 0)).max()) < 1e-12


def test_columns_are_aligned_where_they_are_the_rows_of_the_scan(image_of):
    _, moved = shifted(image_of)
    for method in ("median", "polynomial", "matching"):
        turned = moved.transpose("x", "y").rename(x="y", y="x")
        aligned = om.image.align_rows(turned, method, dim="y")
        again = om.image.align_rows(moved, method)
        np.testing.assert_allclose(aligned.values, again.values.T, atol=1e-12)
        assert aligned.dims == turned.dims


def test_medians_of_differences_keep_terraces_that_medians_do_not(image_of):
    edge = (np.arange(40)[:, None] + np.arange(60) / 3 > 30).astype(float) * 5.0
    shifts = np.random.default_rng(2).standard_normal(40)[:, None]
    moved = image_of(edge + shifts)
    aligned = om.image.align_rows(moved, "median_difference")
    assert float((aligned - edge).std()) < 1e-12
    assert float((om.image.align_rows(moved, "median") - edge).std()) > 1.0


def test_parts_of_rows_that_jumped_are_moved_back(image_of):
    rng = np.random.default_rng(4)
    flat = np.tile(np.sin(np.arange(80) / 9.0), (40, 1)) + 0.01 * rng.standard_normal((40, 80))
    jumped = flat.copy()
    jumped[11, 20:55] += 1.0
    jumped[25, 5:30] -= 0.7
    aligned = om.image.align_rows(image_of(jumped), "step").values
    assert np.abs((aligned - aligned.mean()) - (flat - flat.mean())).max() < 0.08


def test_the_quantile_of_each_row_is_zero(image_of):
    rough = image_of(np.random.default_rng(5).random((9, 101)))
    assert (
        float(abs(om.image.align_rows(rough, "quantile", quantile=0.2).quantile(0.2, "x")).max())
        < 1e-12
    )


def test_wrong_calls_are_refused(image_of):
    _, moved = shifted(image_of, 6, 9)
    with pytest.raises(DataError, match="degree must be from 0 to 5"):
        om.image.align_rows(moved, "polynomial", degree=6)
    with pytest.raises(DataError, match="dim must be one of"):
        om.image.align_rows(moved, dim="z")
    with pytest.raises(DataError, match="leaves no point"):
        om.image.align_rows(moved, mask=moved < 99)
    with pytest.raises(DataError, match="has 1 points; at least 2"):
        om.image.align_rows(moved[:1])
