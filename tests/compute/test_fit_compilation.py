# ruff: noqa: PLR0917 - compiled functions take their arrays one by one
"""What is compiled is kept: by whom, where, and for whom."""

import os
import subprocess
import sys

import numpy as np
import pytest
from tests.compute.fits import (
    COLUMNS,
    LORENTZIAN,
    SCALED,
    START,
    X,
    draw,
    lorentzian_and_offset,
    problem_of,
)

from omniscopy.compute import least_squares, threads
from omniscopy.compute.fitting.problem import Term
from omniscopy.model.compiling import keep_compiled

# Prints how many functions had to be compiled for a formula.
CODE = """
from numba.core import event
from tests.compute.fits import LORENTZIAN
with event.install_recorder("numba:compile") as compiled:
    assert LORENTZIAN.address()
print(len(compiled.buffer))
"""


def start_process(folder):
    return subprocess.Popen(
        [sys.executable, "-c", CODE], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip


def test_two_processes_may_compile_at_once_and_the_next_one_need_not(tmp_path):
    counts = [int(each.communicate()[0]) for each in [start_process(tmp_path) for _ in range(2)]]
    assert max(counts) > 0  # one may be done before the other begins
    assert int(start_process(tmp_path).communicate()[0]) == 0


# Fits lines, with counts and a robust loss too, and prints a digest of all that is found.
DIGITS = """
import hashlib, dataclasses, sys
import numpy as np
from tests.compute.fits import COLUMNS, START, draw, lorentzian_and_offset
from omniscopy.compute import least_squares, threads
spectra = np.random.default_rng(0).poisson(200 * np.abs(draw(200)[1])) / 200
found = hashlib.sha256()
for options in ({}, {"loss": "huber"}, {"likelihood": "poisson"}, {"separable": True}):
    solved = least_squares(lorentzian_and_offset(), spectra, START, columns=COLUMNS, **options)
    for each in dataclasses.astuple(solved):
        found.update(np.ascontiguousarray(each).tobytes())
print(found.hexdigest())
"""


@pytest.mark.slow
def test_who_compiles_finds_the_same_digits_as_who_loads_what_was_compiled(tmp_path):
    digits = set()
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", DIGITS], capture_output=True, text=True, check=True,
            env={
                **os.environ, "NUMBA_CACHE_DIR": str(tmp_path),
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
        )  # fmt: skip
        digits.add(run.stdout)
    assert len(digits) == 1


def test_functions_compile_where_nothing_can_be_kept():
    def decorate(**options):
        if options.pop("cache", False):
            message = "cannot cache function 'f': no locator available for file 'f.py'"
            raise RuntimeError(message)
        return lambda function: (function, options)

    made, options = keep_compiled(decorate, len, nogil=True)
    assert made is len
    assert options == {"nogil": True}


def test_other_errors_of_compilation_are_not_hidden():
    def decorate(**_options):
        message = "something else"
        raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="something else"):
        keep_compiled(decorate, len)


def test_one_thread_asks_no_other(monkeypatch):
    _, exact = draw(3000)

    def asked():
        message = "others are asked for help"
        raise RuntimeError(message)

    monkeypatch.setattr(threads, "_pool", asked)
    least_squares(lorentzian_and_offset(), exact, START, columns=COLUMNS, threads=1)
    with pytest.raises(RuntimeError, match="asked for help"):
        least_squares(lorentzian_and_offset(), exact, START, columns=COLUMNS, threads=2)


def test_a_compiled_function_of_a_user_is_called_by_its_address():
    from numba import carray, cfunc

    from omniscopy.physics.compiled import SIGNATURE

    @cfunc(SIGNATURE)
    def decay(first, second, n, constants, parameters, values, jacobian, row, scratch):
        x, y = carray(first, (n,)), carray(values, (n,))
        given, slopes = carray(parameters, (2,)), carray(jacobian, (2, row))
        for i in range(n):
            shape = np.exp(-given[1] * x[i])
            y[i] += given[0] * shape
            slopes[0, i] = shape
            slopes[1, i] = -given[0] * x[i] * shape

    class Decay:
        parameters = 2

        def evaluate(self, columns, constants, parameters):
            raise NotImplementedError

        def address(self):
            return decay.address

    problem = problem_of((Term(Decay(), (0,)), Term(SCALED, (1,))))
    exact = 2.0 * np.exp(-0.7 * X) + 0.3
    found = least_squares(problem, exact[None], [1.0, 1.0, 0.0], columns=COLUMNS)
    np.testing.assert_allclose(found.parameters[0], [2.0, 0.7, 0.3], rtol=1e-8)


def test_long_spectra_in_parts_are_those_of_short_ones():
    # More points than are worked on at a time, and a number of them that is no round one.
    x = np.linspace(0, 10, 4999)
    columns = np.stack([x, np.ones_like(x)])
    parameters, _ = draw(3)
    exact = lorentzian_and_offset().evaluate(columns, parameters)[0]
    noisy = exact + 0.05 * np.random.default_rng(0).standard_normal(exact.shape)
    one, other = (
        least_squares(lorentzian_and_offset(), noisy, START, columns=columns, compiled=compiled)
        for compiled in (True, False)
    )
    np.testing.assert_allclose(one.parameters, other.parameters, rtol=1e-7)
    np.testing.assert_allclose(one.std, other.std, rtol=1e-6)


def test_more_lines_than_fit_near_the_processor_are_fitted():
    centres = np.linspace(1, 9, 12)
    terms = [Term(LORENTZIAN, (0,)) for _ in centres]
    number = 3 * np.arange(12)
    problem = problem_of(terms, positive=number + 2, linear=number)
    x = np.linspace(0, 10, 1500)
    expected = np.stack([np.linspace(1, 2, 12), centres, np.full(12, 0.15)], axis=1).ravel()
    exact = problem.evaluate(x[None], expected)[0]
    start = expected * np.tile([np.nan, 1.005, 1.2], 12)
    found = least_squares(problem, exact[None], start, columns=x[None])
    np.testing.assert_allclose(found.parameters[0], expected, rtol=1e-7)
