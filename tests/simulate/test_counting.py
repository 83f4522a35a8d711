"""Counts that are drawn: their moments, and that nothing but the seed and the place matters."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.model import DataError, coordinate
from omniscopy.simulate import electron_counts


@pytest.fixture
def flat():
    """Return a scan whose patterns hold one electron in 40 pixels, the last one of nothing."""
    values = np.full((30, 40, 5, 8), 1 / 40)
    values[:, :, -1, -1] = 0.0
    sizes = dict(zip(("y", "x", "ky", "kx"), values.shape, strict=True))
    units = {"y": "nm", "x": "nm", "ky": "1/nm", "kx": "1/nm"}
    coords = {
        dim: coordinate(dim, np.arange(n, dtype=float), units[dim]) for dim, n in sizes.items()
    }
    return xr.DataArray(values, coords, attrs={"units": "1"})


def test_counts_have_the_mean_and_the_variance_of_poisson(flat):
    counts = electron_counts(flat, 200.0)
    assert counts.attrs["units"] == "counts"
    seen = counts.values[..., :-1, :]
    assert seen.mean() == pytest.approx(5.0, rel=0.01)
    assert seen.var() == pytest.approx(5.0, rel=0.03)
    assert (seen == np.round(seen)).all()
    assert (counts.values[..., -1, -1] == 0).all()


def test_each_position_has_noise_of_its_own(flat):
    counts = electron_counts(flat, 200.0).values.reshape(1200, 40)[:, :39]
    away = counts - counts.mean(axis=0)
    together = (away[1:] * away[:-1]).mean()
    assert abs(together) < 0.1  # of 5, were neighbours the same


def test_neither_chunks_nor_order_nor_a_part_matter(flat):
    whole = electron_counts(flat, 3.0, rng=4)
    lazy = electron_counts(flat.chunk(y=7, x=11, kx=3), 3.0, rng=4)
    assert lazy.chunks is not None
    xr.testing.assert_equal(lazy.compute(), whole)
    turned = electron_counts(flat.transpose("kx", "x", "y", "ky"), 3.0, rng=4)
    xr.testing.assert_equal(turned.transpose(*whole.dims), whole)
    assert (electron_counts(flat, 3.0, rng=5) != whole).any()


def test_images_are_drawn_too_and_missing_pixels_stay(flat):
    image = flat.mean(("ky", "kx")).where(flat["x"] > 3.0)
    counts = electron_counts(image, 4000.0)
    assert np.isnan(counts.values[:, :4]).all()
    assert counts.values[:, 4:].mean() == pytest.approx(4000 * float(image.mean()), rel=0.02)


def test_rounding_below_0_counts_nothing_and_more_is_no_intensity(flat):
    odd = flat.copy()
    odd[0, 0, 0, 0], odd[0, 0, 0, 1] = -1e-12, -0.5
    counts = electron_counts(odd, 10.0)
    assert counts.values[0, 0, 0, 0] == 0.0
    assert np.isnan(counts.values[0, 0, 0, 1])


def test_no_electrons_are_refused(flat):
    with pytest.raises(DataError, match="electrons must be above 0"):
        electron_counts(flat, 0.0)


def test_counts_of_a_scan_fluctuate_as_its_detectors_say():
    data = om.simulate.diffraction_4d((20, 20), noise=False, deflection=(0.0, 0.0), strain=0.0)
    expected = data / data.sum(("ky", "kx"))
    seen = electron_counts(expected.assign_attrs(units="1"), 500.0).sum(("ky", "kx"))
    assert float(seen.mean()) == pytest.approx(500, rel=0.01)
    assert float(seen.var()) == pytest.approx(500, rel=0.25)
