"""No spectrum may end with a worse cost than SciPy finds from the same start."""

import numpy as np
import pytest
import scipy.optimize
from tests.compute.fits import (
    COLUMNS,
    FREQUENCY,
    LOG_COLUMNS,
    START,
    draw,
    draw_lines_on_power_laws,
    draw_resonances,
    line_on_power_law,
    lorentzian_and_offset,
    oscillator,
    resonance_starts,
)

from omniscopy.compute import least_squares
from omniscopy.compute.fitting.problem import LOSSES

CASES = {
    "Lorentzian": (lorentzian_and_offset(), draw, COLUMNS, START, 0.1),
    "line on power law": (
        line_on_power_law(), draw_lines_on_power_laws, LOG_COLUMNS,
        np.array([150.0, 3.0, 7.0, 560.0, 15.0]), 0.5,
    ),
    "bounds": (
        lorentzian_and_offset(lower=[0, 4.2, 0, -np.inf], upper=[1.8, 5.8, 0.9, np.inf]),
        draw, COLUMNS, START, 0.1,
    ),
    "tied and fixed": (
        lorentzian_and_offset(
            source=[0, -1, 2, 0], factor=[1, 1, 1, 0.4], offset=[0, 0, 0, -0.1]
        ),
        draw, COLUMNS, START, 0.1,
    ),
}  # fmt: skip


def best_of_scipy(problem, columns, data, start, **options):
    """Return the least of several costs that SciPy finds, from its own derivatives too."""
    free = problem.free

    def values(numbers):
        full = np.array(start)
        full[free] = numbers
        tied = (problem.source >= 0) & (problem.source != np.arange(len(full)))
        full[tied] = problem.factor[tied] * full[problem.source[tied]] + problem.offset[tied]
        return full

    bounds = (problem.lower[free], problem.upper[free])
    bounded = np.isfinite(bounds).any()
    costs = []
    for method in ("trf", "dogbox") if bounded or options.get("loss") else ("trf", "lm"):
        found = scipy.optimize.least_squares(
            lambda numbers: problem.evaluate(columns, values(numbers))[0] - data,
            np.clip(start[free], *bounds), bounds=bounds, method=method, x_scale="jac",
            xtol=1e-12, ftol=1e-12, gtol=1e-12, **options,
        )  # fmt: skip
        costs.append(2.0 * found.cost)
    return costs


# A Cauchy loss has many minima where the model does not fit, as a fixed centre does not.
@pytest.mark.parametrize(
    ("name", "loss"),
    [
        (name, loss)
        for name in CASES
        for loss in LOSSES
        if (name, loss) != ("tied and fixed", "cauchy")
    ],
)
def test_no_cost_is_above_that_of_scipy(name, loss):
    problem, draw_spectra, columns, start, noise = CASES[name]
    _, exact = draw_spectra(25, seed=5)
    noisy = exact + noise * np.random.default_rng(5).standard_normal(exact.shape)
    options = {"loss": loss} | ({} if loss == "linear" else {"loss_scale": 1.345 * noise})
    found = least_squares(problem, noisy, start, columns=columns, **options)
    for spectrum, cost in zip(noisy, found.cost, strict=True):
        given = {"loss": loss, "f_scale": 1.345 * noise} if loss != "linear" else {}
        assert cost <= min(best_of_scipy(problem, columns, spectrum, start, **given)) * (1 + 1e-6)


def test_no_cost_of_complex_spectra_is_above_that_of_scipy():
    _, exact = draw_resonances(25)
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((2, *exact.shape))
    noisy = exact + 0.05 * np.abs(exact).max(axis=1, keepdims=True) * (noise[0] + 1j * noise[1])
    starts = resonance_starts(noisy)
    for options in ({}, {"separable": True}):
        found = least_squares(oscillator(), noisy, starts, columns=FREQUENCY[None], **options)
        for spectrum, parameters, cost in zip(noisy, found.parameters, found.cost, strict=True):
            both = np.concatenate([spectrum.real, spectrum.imag])
            costs = best_of_scipy(oscillator(), FREQUENCY[None], both, parameters)
            assert cost <= min(costs) * (1 + 1e-6)


def test_no_deviance_is_above_that_of_scipy():
    problem = line_on_power_law(lower=[0, 0, 0, 500, 0], upper=[1e4, 10, 1e4, 620, 60])
    _, exact = draw_lines_on_power_laws(15)
    counts = np.random.default_rng(0).poisson(20 * exact).astype(float)
    start = np.array([3000.0, 3.0, 140.0, 560.0, 15.0])
    found = least_squares(problem, counts, start, columns=LOG_COLUMNS, likelihood="poisson")
    for row, cost in zip(counts, found.cost, strict=True):

        def deviance(p, row=row):
            model, slopes = problem.evaluate(LOG_COLUMNS, p)
            parts = model - row + np.where(row > 0, row * np.log(np.maximum(row, 1) / model), 0)
            return 2 * parts.sum(), 2 * slopes @ (1 - row / model)

        reference = scipy.optimize.minimize(
            deviance, start, jac=True, method="L-BFGS-B",
            bounds=list(zip(problem.lower + 1e-3, problem.upper, strict=True)),
            options={"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-9},
        )  # fmt: skip
        assert cost <= reference.fun * (1 + 1e-6)
