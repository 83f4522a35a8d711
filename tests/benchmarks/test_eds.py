"""What fits of X-ray maps cost, against plain least squares of the whole map."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import eds, simulate
from omniscopy.eds.design import Scale, Setting, shapes
from omniscopy.eds.spectra import families_in

pytestmark = pytest.mark.benchmark
ELEMENTS = ["O", "Al", "Si", "Ti", "Fe", "Cu", "Sr", "Pt"]


@pytest.fixture(scope="module")
def spectra():
    phases = [
        {"O": 0.5, "Al": 0.2, "Si": 0.2, "Fe": 0.1},
        {"Ti": 0.3, "Cu": 0.3, "Sr": 0.2, "Pt": 0.2},
    ]
    tile = simulate.eds_map(phases, shape=(16, 16), channels=2048, dispersion=0.01)
    values = np.tile(tile.values, (8, 8, 1))
    coords = {dim: (dim, np.arange(128.0), tile[dim].attrs) for dim in ("y", "x")}
    return xr.DataArray(values, {**coords, "energy": tile["energy"]}, attrs=tile.attrs)


def plain_multifit(values, columns):
    """Fit every spectrum by itself, with the covariance of its parameters; nothing is held at 0."""
    made, deviations = (
        np.empty((len(values), columns.shape[1])),
        np.empty((len(values), columns.shape[1])),
    )
    for row, spectrum in enumerate(values):
        made[row], squares, _, _ = np.linalg.lstsq(columns, spectrum, rcond=None)
        noise = float(squares[0]) / (len(spectrum) - columns.shape[1])
        deviations[row] = np.sqrt(noise * np.diag(np.linalg.inv(columns.T @ columns)))
    return made, deviations


def plain_whole(values, columns):
    """Fit all spectra by one call of least squares, as a plain linear fit of many pixels does.

    Some 80 µs a spectrum: less than the overhead of a package would add to it.
    """
    return np.linalg.lstsq(columns, values.T.astype(np.float64), rcond=None)[0].T


def test_lines_of_a_map_against_plain_least_squares(spectra, measured, best_time):
    values = spectra.values.reshape(-1, spectra.sizes["energy"])
    energy = spectra["energy"].values
    setting = Setting(families_in(energy, ELEMENTS, 200e3), eds.Detector(), 200e3)
    columns = shapes(energy, setting, Scale())

    def ours():
        return eds.fit_lines(spectra, ELEMENTS, calibration=None)

    found = ours()
    assert (found["intensity"] >= 0).all()
    plain = plain_whole(values, columns)[:, : len(setting.families)].mean(axis=0)
    np.testing.assert_allclose(found["intensity"].mean(("y", "x")), plain, rtol=0.05, atol=15.0)
    took = best_time(ours, 2)
    whole = best_time(lambda: plain_whole(values, columns), 1) / took
    each = best_time(lambda: plain_multifit(values[:256], columns), 1) * len(values) / 256 / took
    measured(
        "X-ray lines of 128 x 128 x 2048: fits for one of plain, whole map at once", whole, "2"
    )
    measured("X-ray lines of 128 x 128 x 2048: fits for one of plain, each spectrum", each, "> 20")
    assert whole > 1.5
    assert each > 20
