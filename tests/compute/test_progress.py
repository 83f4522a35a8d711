"""What is told while something takes long, and how it ends."""

import threading

import numpy as np
import pytest

from omniscopy import compute, diffraction, samples
from omniscopy.compute.progress import counting, showing_progress, watched_by
from omniscopy.compute.threads import share_work


class Cancelled(Exception):  # noqa: N818 - nothing went wrong
    """Nobody waits any more."""


def test_who_watches_is_told_how_many_are_done_and_how_long_the_rest_takes():
    told = []
    with watched_by(lambda *each: told.append(each)):
        share_work(lambda _: None, range(0, 40, 4), 3, title="Discs")
    done, total, words = told[-1]
    assert (done, total) == (40, 40)
    assert words.startswith("Discs: 40 of 40 patterns, ")
    assert words.endswith(" left")
    assert [each[0] for each in told] == sorted(each[0] for each in told)


def test_nobody_is_told_outside_of_the_block():
    told = []
    with watched_by(lambda *each: told.append(each)):
        pass
    with counting("Nothing", 3, "things") as more:
        more(3)
    with showing_progress("Nothing") as tell:
        tell(1, 1, "done")
    assert told == []


def test_what_is_cancelled_ends_and_begins_no_more():
    begun, held = [], threading.Event()

    def work(n):
        begun.append(n)

    def tell(done, total, words):
        held.set()
        raise Cancelled

    # The last one is always told; those before, only now and then.
    with watched_by(tell), pytest.raises(Cancelled), counting("Steps", 1, "steps") as more:
        more(1)
    assert held.is_set()
    with watched_by(tell), pytest.raises(Cancelled):
        share_work(work, range(5), 1, title="Steps")
    assert begun == list(range(len(begun)))


CALLS = {
    "match_orientation": lambda: diffraction.match_orientation(
        samples.orientation_4d(), samples.pattern_library()
    ),
    "match_phases": lambda: diffraction.match_phases(
        samples.orientation_4d(), [samples.pattern_library()]
    ),
    "find_discs": lambda: diffraction.find_discs(
        samples.nanobeam_4d(), samples.nanobeam_template(), max_discs=12
    ),
    "fit_lattice": lambda: diffraction.fit_lattice(samples.nanobeam_discs()),
    "fit_cepstrum": lambda: diffraction.fit_cepstrum(samples.nanobeam_4d()),
    "fit_patterns": lambda: diffraction.fit_patterns(
        samples.nanobeam_4d(), samples.nanobeam_lattice(), radius=1.2
    ),
    "reconstruct_parallax": lambda: diffraction.reconstruct_parallax(
        samples.defocused_4d(), depths=[-1.0, 1.0]
    ),
    "reconstruct_ptychography": lambda: diffraction.reconstruct_ptychography(
        samples.ptychography_4d(), method="lsqml", max_steps=3
    ),
}


@pytest.mark.parametrize("name", list(CALLS))
def test_long_work_on_patterns_is_told_and_can_be_cancelled(name):
    told = []
    with watched_by(lambda *each: told.append(each)):
        plain = CALLS[name]()
    assert told
    done = [each[0] / each[1] for each in told]
    assert max(done) == pytest.approx(1.0)
    assert any("left" in each[2] for each in told)

    def cancel(*_):
        raise Cancelled

    with watched_by(cancel), pytest.raises(Cancelled):
        CALLS[name]()
    # Nothing of what was given up is left behind.
    again = CALLS[name]()
    for variable in plain.data_vars:
        np.testing.assert_array_equal(again[variable], plain[variable])


def test_the_public_name_is_that_of_the_module():
    assert compute.watched_by is watched_by
