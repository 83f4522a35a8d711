"""Many waves through one sample, by threads that each take the next one."""

import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from omniscopy.compute.progress import showing_progress
from omniscopy.compute.threads import available_cores, share_work
from omniscopy.simulate.waves.grids import AliasingWarning, Grid
from omniscopy.simulate.waves.propagation import Stepper, propagators, transmissions

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
        made, order = transmissions(potential, passage.grid, passage.voltage, self.dtype)
        self.slices, self.order = made, order * passage.repeats
        self.propagators = self.propagators_on(passage.grid)

    def propagators_on(self, grid: Grid) -> list[Any]:
        """Return the propagator behind each slice on a grid."""
        passage = self.passage
        return (
            propagators(grid, passage.thickness, passage.voltage, passage.tilt, self.dtype)
            * passage.repeats
        )

    def passed(self, stepper: Stepper, spectrum: Any) -> Any:
        """Return the spectrum behind the sample of one in front of it, which has 1/N in it."""
        wave = stepper.to_wave(np.array(spectrum, self.dtype))
        for spectrum in stepper.through(wave, self.slices, self.order, self.propagators):  # noqa: B007, PLR1704
            pass
        return spectrum


def complex_of(dtype: npt.DTypeLike) -> npt.DTypeLike:
    """Return the complex numbers that waves through a potential of this dtype have."""
    return np.complex64 if np.dtype(dtype).itemsize <= 4 else np.complex128


def each_by_a_thread(
    work: Callable[[Stepper, int], None], count: int, grid: Grid, dtype: npt.DTypeLike, title: str
) -> None:
    """Do `work` for numbers to `count`, each thread with arrays of its own, and tell how far."""
    own, lock, done = threading.local(), threading.Lock(), [0]
    workers = available_cores() if count == 1 else 1
    with showing_progress(title, watch_dask=False) as tell:

        def one(number: int) -> None:
            if not hasattr(own, "stepper"):
                own.stepper = Stepper(grid, dtype, workers)
            work(own.stepper, number)
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
