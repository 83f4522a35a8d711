"""Spectra as microscopists measure them: fitted by default, without a start."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import xarray as xr

from omniscopy.model import coordinate
from omniscopy.signal import (
    Bounded,
    ErrorStep,
    Exponential,
    Expression,
    Gaussian,
    Logistic,
    Lorentzian,
    Offset,
    Polynomial,
    PowerLaw,
    Tied,
    Voigt,
    evaluate_model,
    fit_model,
)
from omniscopy.signal.layout import lay_out


@dataclass
class Measurement:
    """A model with its truth, an axis, and noise; `None` are counts."""

    axis: np.ndarray
    dim: str
    units: tuple[str, str]
    model: Any
    truth: tuple[float, ...]
    noise: float | None = None


def lines(*peaks):
    return sum(peaks[1:], peaks[0])


CASES = {
    "an edge on a power law (EELS)": Measurement(
        np.arange(400.0, 700.0, 0.5), "energy_loss", ("eV", "counts"),
        PowerLaw(reference=400.0) + ErrorStep(sigma=Bounded(0.3, 30.0)),
        (3000.0, 3.1, 300.0, 532.0, 2.5),
    ),
    "an edge with a white line (EELS)": Measurement(
        np.arange(400.0, 700.0, 0.5), "energy_loss", ("eV", "counts"),
        PowerLaw(reference=400.0) + ErrorStep(sigma=Bounded(0.3, 30.0)) + Gaussian(),
        (3000.0, 3.1, 300.0, 532.0, 2.0, 600.0, 540.0, 3.0),
    ),
    "a zero-loss peak and a plasmon (EELS)": Measurement(
        np.arange(-5.0, 30.0, 0.1), "energy_loss", ("eV", "counts"),
        Voigt() + Lorentzian(), (9e5, 0.02, 0.25, 0.1, 2e4, 16.5, 2.0),
    ),
    "four lines on a fluorescent background (Raman)": Measurement(
        np.linspace(100.0, 2000.0, 1024), "wavenumber", ("1/cm", "counts"),
        lines(*[Lorentzian()] * 4, Polynomial(2, reference=1000.0)),
        (3000.0, 520.5, 3.2, 1200.0, 1580.0, 18.0, 800.0, 1350.0, 30.0, 900.0, 960.0, 8.0,
         4000.0, 0.5, -4e-4),
    ),
    "lines on a continuum of few counts (EDS)": Measurement(
        np.linspace(0.2, 4.0, 760), "energy", ("keV", "counts"),
        lines(*[Gaussian()] * 3, Exponential()),
        (200.0, 1.74, 0.04, 70.0, 0.525, 0.035, 45.0, 2.31, 0.045, 30.0, 1.5),
    ),
    "a doublet with a known splitting (XPS)": Measurement(
        np.linspace(450.0, 475.0, 250), "energy", ("eV", "counts"),
        lines(
            Voigt(),
            Voigt(Tied("voigt_area", 0.5), Tied("voigt_centre", 1, 5.7), Tied("voigt_sigma"),
                  Tied("voigt_gamma")),
            Polynomial(1, reference=460.0),
        ),
        (9e3, 458.7, 0.4, 0.3, 4.5e3, 464.4, 0.4, 0.3, 800.0, 8.0),
    ),
    "a decay in two steps (photoluminescence)": Measurement(
        np.linspace(0.0, 50.0, 400), "bias", ("ns", "counts"),
        Exponential() + Exponential() + Offset(), (500.0, 2.5, 100.0, 15.0, 4.0),
    ),
    "a screened force (AFM)": Measurement(
        np.linspace(0.0, 100e-9, 512), "indentation", ("m", "N"), Exponential() + Offset(),
        (2e-9, 8e-9, 1e-10), 3e-11,
    ),
    "a contact on a slope (AFM)": Measurement(
        np.linspace(-50e-9, 150e-9, 600), "indentation", ("m", "N"),
        Expression("where(x > u, k*abs(x - u)**1.5, 0) + f + s*x"),
        (12e-9, 50e3, -2e-10, 1e-3), 2e-11,
    ),
    "a domain wall on a slope (PFM)": Measurement(
        np.linspace(-20.0, 20.0, 200), "bias", ("V", "V"), Logistic() + Polynomial(1),
        (3.0, 2.0, 1.5, 0.1, 0.02), 0.1,
    ),
    "a modulation (moiré)": Measurement(
        np.linspace(-20.0, 20.0, 200), "bias", ("V", "V"),
        Expression("a*sin(2*pi*f*x + p) + c"), (2.0, 0.137, 0.4, 0.3), 0.3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_measurements_are_fitted_without_a_start(name):
    case, rng = CASES[name], np.random.default_rng(0)
    axis = coordinate(case.dim, case.axis, case.units[0])
    names = lay_out(case.model).names
    truth = dict(zip(names, case.truth, strict=True))
    exact = evaluate_model(case.model, xr.Dataset(truth), xr.DataArray(axis, {case.dim: axis}))
    shape = (12, len(case.axis))
    if case.noise is None:
        values = rng.poisson(exact.values, shape)
    else:
        values = exact.values + case.noise * rng.standard_normal(shape)
    data = xr.DataArray(values, {case.dim: axis}, ("y", case.dim), attrs={"units": case.units[1]})
    likelihood = "gaussian" if case.noise else "poisson"
    found = fit_model(data, case.model, dim=case.dim, likelihood=likelihood)
    assert (found["status"] == 0).all()
    expected = case.noise**2 if case.noise else 1.0
    assert float(found["reduced_chi_square"].max()) < 1.3 * expected
    # A modulation is the same one half a turn further, upside down.
    if "moiré" in name:
        truth["expression_a"] *= np.sign(found["expression_a"])
        turns = (found["expression_p"] - truth.pop("expression_p")) / np.pi
        np.testing.assert_allclose(turns, np.round(turns), atol=0.1)
    for each, value in truth.items():
        away = np.abs(found[each] - value) / found[f"{each}_std"]
        assert float(away.max()) < 5, each
