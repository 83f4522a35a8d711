"""Many waves through one sample, by threads that each take the next one."""

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from omniscopy.compute.progress import showing_progress
from omniscopy.compute.threads import available_cores, share_work
from omniscopy.physics import electron
from omniscopy.simulate.waves.grids import AliasingWarning, Grid
from omniscopy.simulate.waves.passing import Layout, Passes, Plain, layout_of
from omniscopy.simulate.waves.propagation import Stepper, propagator, same_slices

LOST = 0.1  # part of the electrons that may leave the band before it is said


@dataclass(frozen=True)
class Passage:
    """How waves pass a sample; all of it is known before anything is computed."""

    grid: Grid
    thickness: npt.NDArray[np.float64]
    voltage: float
    tilt: tuple[float, float] = (0.0, 0.0)
    repeats: int = 1


class Sample:
    """A sample at one voltage, ready for waves to pass."""

    def __init__(self, potential: npt.NDArray[Any], passage: Passage) -> None:
        self.grid, self.passage = passage.grid, passage
        self.dtype = complex_of(potential.dtype)
        self.layout = layout_of(passage.grid, self.dtype)
        made, order = transmissions(potential, passage, self.layout)
        self.slices, self.order = made, order * passage.repeats
        self.propagators = self.propagators_on(self.layout)

    def propagators_on(self, layout: Layout | Plain) -> list[Any]:
        """Return the propagator behind each slice on a grid; those of one thickness are one."""
        passage = self.passage
        rounded = np.round(np.asarray(passage.thickness, np.float64), 9).tolist()
        made = {
            each: layout.spectrum(
                propagator(layout.grid, each, passage.voltage, passage.tilt, self.dtype)
            )
            for each in set(rounded)
        }
        return [made[each] for each in rounded] * passage.repeats


def transmissions(
    potential: npt.NDArray[Any], passage: Passage, layout: Layout | Plain
) -> tuple[list[Any], list[int]]:
    r"""Return the different :math:`e^{i\sigma V}` of slices, and which one each slice has.

    They are limited to the band.
    """
    order = same_slices(potential)
    first = [order.index(number) for number in range(max(order) + 1)]
    sigma, grid = float(electron.interaction(passage.voltage)), passage.grid
    made: list[Any] = [None] * len(first)
    dtype = np.dtype(complex_of(potential.dtype))
    scale = np.array(grid.inside / (grid.shape[0] * grid.shape[1]), dtype)
    limit, real = layout.spectrum(scale), scale.real.dtype
    own = threading.local()

    def work(number: int) -> None:
        if not hasattr(own, "passes"):
            own.passes = layout.passes()
        phase = np.multiply(potential[first[number]], sigma, dtype=real)
        made[number] = own.passes.limited(phase, limit)

    share_work(work, range(len(first)))
    return made, order


def carried(  # noqa: PLR0917
    passes: Passes | Stepper, slices: Sequence[Any], order: Sequence[int],
    propagators: Sequence[Any], corner: tuple[int, int] = (0, 0), stops: Sequence[int] = (),
) -> Iterator[int]:  # fmt: skip
    """Take a wave that has begun through all slices; stop at spectra behind some and the last."""
    last = len(order) - 1
    for place, number in enumerate(order):
        ends = place == last or place in stops
        passes.slice(slices[number], corner)
        passes.step(propagators[place], behind=not ends)
        if ends:
            yield place
            if place < last:
                passes.go_on()


def complex_of(dtype: npt.DTypeLike) -> npt.DTypeLike:
    """Return the complex numbers that waves through a potential of this dtype have."""
    return np.complex64 if np.dtype(dtype).itemsize <= 4 else np.complex128


def each_by_a_thread(
    work: Callable[[Any, int], None], count: int, layout: Layout | Plain, title: str
) -> None:
    """Do `work` for numbers to `count`, each thread with arrays of its own, and tell how far."""
    own, lock, done = threading.local(), threading.Lock(), [0]
    workers = available_cores() if count == 1 else 1
    with showing_progress(title, watch_dask=False) as tell:

        def one(number: int) -> None:
            if not hasattr(own, "passes"):
                own.passes = layout.passes(workers)
            work(own.passes, number)
            with lock:
                done[0] += 1
                tell(done[0], count, f"{title}: {done[0]} of {count}")

        share_work(one, range(count))


def warn_of_loss(intensities: npt.NDArray[np.float64]) -> None:
    """Warn where much of a wave has left the band."""
    left = 1.0 - float(np.mean(intensities)) if len(intensities) else 0.0
    if left > LOST:
        message = (
            f"{left:.0%} of the electrons were scattered beyond the angles that the grid keeps; "
            "make the potential with a finer sampling"
        )
        warnings.warn(message, AliasingWarning, stacklevel=2)
