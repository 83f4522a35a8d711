"""Small problems for the engine."""

import numpy as np

from omniscopy.compute.fitting.problem import Problem, Term
from omniscopy.physics import peaks, steps
from omniscopy.physics.formulas import Formula

LORENTZIAN = Formula(peaks.lorentzian, 3)
SCALED = Formula(steps.scaled, 1)
X = np.linspace(0.0, 10.0, 128)
COLUMNS = np.stack([X, np.ones_like(X)])
START = np.array([1.5, 5.0, 0.7, 0.5])


def lorentzian_and_offset(**changes):
    """Return the problem of amplitude, centre, half width and offset."""
    known = {
        "lower": np.full(4, -np.inf),
        "upper": np.full(4, np.inf),
        "positive": np.array([False, False, True, False]),
        "linear": np.array([True, False, False, True]),
        "source": np.arange(4),
        "factor": np.ones(4),
        "offset": np.zeros(4),
    }
    known |= {name: np.asarray(value) for name, value in changes.items()}
    return Problem((Term(LORENTZIAN, (0,)), Term(SCALED, (1,))), **known)


def draw(count, seed=0):
    """Return drawn parameters and the exact spectra of them."""
    rng = np.random.default_rng(seed)
    low, high = np.array([1.0, 4.0, 0.5, 0.1]), np.array([2.0, 6.0, 1.0, 1.0])
    parameters = rng.uniform(low, high, (count, 4))
    return parameters, lorentzian_and_offset().evaluate(COLUMNS, parameters)[0]
