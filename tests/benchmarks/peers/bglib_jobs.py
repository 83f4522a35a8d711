"""The work that is compared, done by BGlib.

It uses names that have since left Python, NumPy and the packages it stands on. They are put back
here, so that what it calculates can be measured at all; a user meets each of these as an error.
"""

import collections
import collections.abc
import sys

import numpy as np
from jobs import Arrays, main


def restore_names() -> None:
    """Put back the names that BGlib imports or calls."""
    import igor2
    import igor2.binarywave
    import sidpy.viz
    import sidpy.viz.plot_utils

    for name in ("Iterable", "Mapping", "MutableMapping", "Sequence"):
        setattr(collections, name, getattr(collections.abc, name))
    for kind in (int, float, bool, complex, object):
        if kind.__name__ not in vars(np):
            setattr(np, kind.__name__, kind)
    if not hasattr(np.lib.npyio, "loadtxt"):
        np.lib.npyio.loadtxt = np.loadtxt
    sys.modules |= {
        "igor": igor2, "igor.binarywave": igor2.binarywave, "pyUSID.viz": sidpy.viz,
        "pyUSID.viz.plot_utils": sidpy.viz.plot_utils,
    }  # fmt: skip


def oscillators(data: Arrays):
    """Take its estimate, and the least squares of SciPy, since its own fit does not move."""
    from BGlib.be.analysis.utils.be_sho import SHOestimateGuess
    from scipy.optimize import least_squares

    f, values = data["frequency"], data["values"][:60]

    def fitted(y):
        start = np.real(SHOestimateGuess(y, f, 5))
        scale = np.array([abs(start[0]), start[1], abs(start[2]), 1.0])

        def away(p):
            a, f0, q, phase = p * scale
            made = a * np.exp(1j * phase) * f0**2 / (f**2 - 1j * f * f0 / q - f0**2) - y
            return np.concatenate([made.real, made.imag]) / np.abs(y).max()

        return np.abs(least_squares(away, start / scale, method="lm").x * scale)

    def work():
        return np.array([fitted(y) for y in values])

    return work, len(values), lambda found: {"parameters": found[:, :3]}


def loops(data: Arrays):
    from BGlib.be.analysis.utils import be_loop

    bias, values = data["bias"], data["values"][:200]
    quarter = len(bias) // 4
    turned = np.roll(bias, -quarter)

    def work():
        found = []
        for loop in values:
            start = be_loop.generate_guess(bias, loop)
            found.append(be_loop.fit_loop(turned, np.roll(loop, -quarter), start)[0].x)
        return np.array(found)

    return work, len(values), lambda found: {"parameters": found}


def inversion(data: Arrays):
    from BGlib.gmode.analysis.utils.giv_utils import bayesian_inference_on_period

    values = data["values"][:4]

    def work():
        return [
            bayesian_inference_on_period(
                1e9 * current, data["bias"], float(data["rate"]), r_extra=110, num_x_steps=250
            )
            for current in values
        ]

    def answer(found):
        made = []
        for each in found:
            x, r = np.ravel(each["x"]), np.ravel(each["mR"])
            made.append([
                1e9 * np.median(r[np.abs(x - at) < 0.1]) for at in (-5.0, -4.0, -3.0)
            ])  # fmt: skip
        return {"resistance": made}

    return work, len(values), answer


JOBS = {"oscillators": oscillators, "loops": loops, "inversion": inversion}

if __name__ == "__main__":
    restore_names()
    main(JOBS, ("BGlib", "scipy"))
