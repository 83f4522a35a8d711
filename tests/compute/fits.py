"""Small problems for the engine."""

import numpy as np

from omniscopy.compute.fitting.problem import Problem, Term
from omniscopy.physics import decays, peaks, resonance, steps
from omniscopy.physics.formulas import Formula

LORENTZIAN = Formula(peaks.lorentzian, 3)
SCALED = Formula(steps.scaled, 1)
X = np.linspace(0.0, 10.0, 128)
COLUMNS = np.stack([X, np.ones_like(X)])
START = np.array([1.5, 5.0, 0.7, 0.5])


def problem_of(terms, **changes):
    """Return a problem without bounds and ties; `linear` and `positive` may be given by number."""
    count = sum(term.formula.parameters for term in terms)
    known = {
        "lower": np.full(count, -np.inf),
        "upper": np.full(count, np.inf),
        "positive": (),
        "linear": (),
        "source": np.arange(count),
        "factor": np.ones(count),
        "offset": np.zeros(count),
    } | changes
    for name in ("positive", "linear"):
        known[name] = np.isin(np.arange(count), known[name])
    known |= {name: np.asarray(value) for name, value in known.items() if name != "is_complex"}
    return Problem(tuple(terms), **known)


def lorentzian_and_offset(**changes):
    """Return the problem of amplitude, centre, half width and offset."""
    terms = (Term(LORENTZIAN, (0,)), Term(SCALED, (1,)))
    return problem_of(terms, **{"positive": [2], "linear": [0, 3]} | changes)


def draw(count, seed=0):
    """Return drawn parameters and the exact spectra of them."""
    rng = np.random.default_rng(seed)
    low, high = np.array([1.0, 4.0, 0.5, 0.1]), np.array([2.0, 6.0, 1.0, 1.0])
    parameters = rng.uniform(low, high, (count, 4))
    return parameters, lorentzian_and_offset().evaluate(COLUMNS, parameters)[0]


def line_on_power_law(reference=500.0, **changes):
    """Return the problem of amplitude and exponent, and height, centre and width of a line."""
    background = Term(Formula(decays.power_law, 2, constants=1), (1,), (float(np.log(reference)),))
    terms = (background, Term(Formula(peaks.gaussian, 3), (0,)))
    return problem_of(terms, **{"positive": [4], "linear": [0, 2]} | changes)


LOSSES_OF_ENERGY = np.linspace(400.0, 800.0, 256)
LOG_COLUMNS = np.stack([LOSSES_OF_ENERGY, np.log(LOSSES_OF_ENERGY)])


def draw_lines_on_power_laws(count, seed=0):
    """Return drawn parameters and the exact spectra of them."""
    rng = np.random.default_rng(seed)
    low, high = [100, 2.8, 5, 550, 10], [200, 3.2, 10, 570, 20]
    parameters = rng.uniform(low, high, (count, 5))
    return parameters, line_on_power_law().evaluate(LOG_COLUMNS, parameters)[0]


def oscillator(**changes):
    """Return the problem of a complex amplitude in two parts, a resonance and its quality."""
    formula = Formula(resonance.oscillator_response, 4, complex=True)
    known = {"positive": [2, 3], "linear": [0, 1], "is_complex": True}
    return problem_of((Term(formula, (0,)),), **known | changes)


FREQUENCY = np.linspace(305e3, 365e3, 60)


def draw_resonances(count, seed=0):
    """Return drawn parameters and the exact complex spectra of them."""
    rng = np.random.default_rng(seed)
    parameters = np.stack([
        rng.standard_normal(count), rng.standard_normal(count),
        rng.uniform(325e3, 345e3, count), rng.uniform(50, 200, count),
    ], axis=1)  # fmt: skip
    both = oscillator().evaluate(FREQUENCY[None], parameters)[0]
    return parameters, both[:, :60] + 1j * both[:, 60:]


def resonance_starts(spectra):
    """Return starts at the largest value of each spectrum; the amplitude is solved for."""
    start = np.full((len(spectra), 4), np.nan)
    start[:, 2] = FREQUENCY[np.abs(spectra).argmax(axis=1)]
    start[:, 3] = 100.0
    return start
