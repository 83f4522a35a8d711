"""Energy losses against plain implementations.

What is compared with does less for a spectrum than the packages it stands for, so that the
ratios are lower bounds of theirs. Of those, measured once on two idle cores: 32 µs for a
spectrum of the closed form, 1.1 ms for one of the weighted fit, 10 ms for edges with low losses,
and some 12 to 40 ms for a zero loss; here NumPy and SciPy take about 15 µs, 0.3, 4 and 2.5 ms.
"""

import warnings

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import curve_fit
from scipy.signal import fftconvolve

from omniscopy import eels
from omniscopy.model import coordinate

pytestmark = pytest.mark.benchmark


def labelled(values, energy):
    along = {"energy_loss": coordinate("energy_loss", energy, "eV")}
    return xr.DataArray(
        values, along, dims=("y", "x", "energy_loss")[-values.ndim :], attrs={"units": "counts"}
    )


def core_losses():
    """Return 64 x 64 x 1024 noisy power laws with a peak."""
    rng = np.random.default_rng(0)
    energy = 300.0 + 0.5 * np.arange(1024)
    exponent = 2.8 + 0.4 * rng.random((64, 64, 1))
    mean = 1e4 * (1 + 0.2 * rng.random((64, 64, 1))) * (energy / 300.0) ** -exponent
    mean = mean + 1500.0 * np.exp(-0.5 * ((energy - 540.0) / 8.0) ** 2)
    return labelled(rng.poisson(mean).astype(float), energy)


WINDOW = (305.0, 480.0)


def test_backgrounds_in_closed_form(measured, best_time):
    data = core_losses()
    energy, values = data["energy_loss"].values, data.values
    inside = (energy >= WINDOW[0]) & (energy <= WINDOW[1])

    def plain():
        # Two areas, and the power of every channel of every spectrum.
        x, y = energy[inside], values[..., inside]
        half, step = len(x) // 2, x[1] - x[0]
        first, second = step * y[..., :half].sum(-1), step * y[..., half:].sum(-1)
        exponent = 2.0 * np.log(first / second) / np.log(x[-1] / x[0])
        power = 1.0 - exponent
        amplitude = power * second / (x[-1] ** power - x[half] ** power)
        background = amplitude[..., None] * energy ** -exponent[..., None]
        return values - background

    def ours():
        return eels.subtract_background(data, WINDOW, method="two_area")

    ours()
    ratio = best_time(plain, 7) / best_time(ours, 15)
    measured("EELS background 64x64x1024 in closed form, against NumPy", ratio, "5")
    assert ratio > 2.0


def test_weighted_backgrounds(measured, best_time):
    data = core_losses()
    energy = data["energy_loss"].values
    inside = (energy >= WINDOW[0]) & (energy <= WINDOW[1])
    x, few = energy[inside], data.values[:4, :16, inside].reshape(64, -1)

    def loop():
        for y in few:
            start = (float(y[0]), 3.0)
            curve_fit(lambda e, a, r: a * (e / 305.0) ** -r, x, y, start, np.sqrt(y + 1.0))

    def ours():
        return eels.subtract_background(data, WINDOW, method="power_law")

    ours()
    ratio = best_time(loop, 3) * 64 / best_time(ours, 5)
    measured("EELS background 64x64x1024, weighted fit, against SciPy's loop", ratio, "30")
    assert ratio > 5.0


def test_fits_of_the_zero_loss(measured, best_time):
    rng = np.random.default_rng(1)
    energy = -10.0 + 0.1 * np.arange(1024)
    places = 0.3 * rng.standard_normal((2048, 1))
    mean = 1e5 / (1 + ((energy - places) / 0.35) ** 2) ** 2
    data = labelled(rng.poisson(mean).astype(float), energy)

    def product(x, a, b, c, d, e, f):  # noqa: PLR0917
        return np.abs(a) / ((x - b) ** 2 + c**2) * np.abs(d) / ((x - e) ** 2 + f**2)

    def loop():
        for y in data.values[:8]:
            at = energy[np.argmax(y)]
            near = np.abs(energy - at) <= 1.0
            start = (300.0, at, 0.35, 300.0, at, 0.36)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                curve_fit(product, energy[near], y[near], start, maxfev=4000)

    def ours():
        return eels.fit_zero_loss(data, model="pseudo_voigt")

    ours()
    ratio = best_time(loop, 3) * 256 / best_time(ours, 5)
    measured("EELS fit of 2048 zero losses, against SciPy's loop", ratio, "100")
    assert ratio > 10.0


def test_quantification_with_low_losses(measured, best_time):
    shape = xr.DataArray(np.ones((16, 16)), dims=("y", "x"))
    microscope = {"dispersion": 0.5, "electrons": 1e9, "t_over_lambda": 0.5 * shape}
    data = eels.simulate_spectrum(
        {"Ti": 500.0, "O": 1500.0}, start=330.0, channels=1024, background=2e5, rng=1,
        **microscope,
    )  # fmt: skip
    low = eels.simulate_spectrum(start=-20.0, channels=640, **microscope)
    energy, step = data["energy_loss"].values, 0.5
    kernel_energy = low["energy_loss"].values
    whole = energy[0] - kernel_energy[0] + step * (np.arange(1024 + 639) - 639)
    sigma = [
        1e-10 * step * eels.cross_section(
            edge, np.maximum(whole, 1.0 + 1e-6 * np.arange(len(whole))), voltage=200e3,
            collection_mrad=20.0,
        ).values
        for edge in ("Ti_L", "O_K")
    ]  # fmt: skip

    def loop():
        for y, kernel in zip(data.values[0, :8], low.values[0, :8], strict=True):

            def model(e, a, r, one, two, kernel=kernel):  # noqa: PLR0917
                edges = [fftconvolve(each, kernel, "valid") for each in sigma]
                return a * (e / 330.0) ** -r + one * edges[0] + two * edges[1]

            curve_fit(model, energy, y, (y[0], 3.0, 300.0, 1000.0), np.sqrt(y + 1.0))

    def ours():
        return eels.quantify(data, ["Ti", "O"], low_loss=low)

    ours()
    took = best_time(ours, 5) / 256
    ratio = best_time(loop, 3) / 8 / took
    measured("EELS quantification with low losses, ms a spectrum", 1e3 * took, "0.33")
    measured("EELS quantification with low losses, against SciPy's loop", ratio, "30")
    assert ratio > 3.0
