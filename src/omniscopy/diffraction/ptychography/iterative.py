"""Iterative reconstructions of one block of patterns: where they start, and what they give."""

import time
from dataclasses import dataclass

import numpy as np
from dask.utils import format_time

from omniscopy.compute.progress import showing_progress
from omniscopy.diffraction.ptychography.arrays import Arrays
from omniscopy.diffraction.ptychography.engine import Plan, Watch, orthogonal, run, steps
from omniscopy.diffraction.ptychography.experiment import Experiment
from omniscopy.diffraction.ptychography.geometry import Geometry
from omniscopy.diffraction.ptychography.noise import Noise, variance_of_roots
from omniscopy.diffraction.ptychography.sidebands import mean_of, total_of
from omniscopy.diffraction.ptychography.updates import Measured
from omniscopy.diffraction.ptychography.waves import State
from omniscopy.model import Status

# What further modes of the probe have at the start, each.
_SMALL = 0.02
# Steps before weak objects in noise are taken to be at rest: their power is not known yet.
_LEAST = 15


@dataclass(frozen=True)
class Iterations:
    """Settings of an iterative reconstruction."""

    found: Experiment
    geometry: Geometry
    plan: Plan
    modes: int
    slices: int
    max_steps: int
    earlier: int
    tolerance: float
    seed: int
    single: bool
    arrays: Arrays
    watch: Watch | None
    dose: float | None
    counted: bool

    def run(self, block: np.ndarray, *earlier: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the columns for blocks of shape (..., y, x, ky, kx)."""
        outer = block.shape[:-4]
        rows = [
            self.one(np.asarray(block[at]), *(each[at] for each in earlier))
            for at in np.ndindex(*outer)
        ]
        each = rows[0] if rows else self.nothing(Status.NO_DATA, block.shape[-4:-2])
        return tuple(
            np.array([row[n] for row in rows], each[n].dtype).reshape((*outer, *each[n].shape))
            for n in range(len(each))
        )

    def one(  # noqa: PLR0915 - one after the other
        self, block: np.ndarray, *earlier: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Return object, probe, image, positions, errors and status of one scan."""
        flat = block.reshape(-1, *block.shape[-2:]).astype(np.float64)
        known = np.isfinite(flat)
        mean = mean_of(block)
        if not np.nansum(mean) > 0:
            return self.nothing(Status.NO_DATA, block.shape[:2])
        middle = self.found.middle_of(mean)
        if middle is None:
            return self.nothing(Status.INVALID, block.shape[:2])
        axes = (self.found.ky, self.found.kx)
        nearest = [int(np.argmin(np.abs(axis - at))) for axis, at in zip(axes, middle, strict=True)]
        flat = np.maximum(np.where(known, flat, 0.0), 0.0) / total_of(mean)
        kind = np.float32 if self.single else np.float64
        amplitudes = _from_middle(np.sqrt(flat).astype(kind), nearest, axes)
        valid = _from_middle(known & _beside(nearest, axes), nearest, axes)
        probe = self.probe(nearest, middle)
        state, first, errors = self.start(probe, earlier)
        xp = self.arrays.xp
        state.object, state.probe = xp.asarray(state.object), xp.asarray(state.probe)
        rng = np.random.default_rng([self.seed, first])
        weights = None if valid.all() else xp.asarray(valid.astype(kind))
        measured = Measured(np.arange(len(flat)), xp.asarray(amplitudes), weights)
        noise = self.noise(block, mean, valid)
        iterations = steps(
            state, measured, self.plan, rng, arrays=self.arrays, first=first, noise=noise
        )
        with showing_progress("Ptychography", watch_dask=False) as tell:
            begun = time.monotonic()

            def watch(number: int, error: float) -> bool:
                each = (time.monotonic() - begun) / (number + 1)
                left = format_time(each * (self.max_steps - number - 1))
                words = f"Ptychography, error {error:.2g}, {1 / max(each, 1e-9):.2g} steps/s"
                tell(number + 1, self.max_steps, f"{words}, at most {left} left")
                return bool(self.watch and self.watch(first + number, error))

            # Noise is most of an error: what steps still gain is told from it by the likelihood.
            least = self.tolerance if noise is None else min(self.tolerance, noise.significant)
            more, settled = run(
                iterations, self.max_steps, least, watch, at_least=0 if noise is None else _LEAST
            )
        state.object, state.probe = (
            self.arrays.numpy(each) for each in (state.object, state.probe)
        )
        self.settle(state, _middle_of(probe))
        status = Status.CONVERGED if settled else Status.MAX_STEPS
        y, x = self.geometry.positions_of(state.positions)
        shape = block.shape[:2]
        curve = np.full(self.earlier + self.max_steps, np.nan)
        curve[: len(errors)] = errors
        curve[len(errors) : len(errors) + len(more)] = more
        images = [self.geometry.image_of(each) for each in state.object]
        obj = state.object if self.slices > 1 else state.object[0]
        seen = [np.stack(images)] if self.slices > 1 else []
        total = float((amplitudes**2).sum(dtype=np.float64))
        expected = np.nan if noise is None else noise.expected / total
        return (
            obj, state.probe, np.prod(images, axis=0), y.reshape(shape), x.reshape(shape), curve,
            np.asarray(expected), np.asarray(status, dtype=np.uint8), *seen,
        )  # fmt: skip

    def noise(self, block: np.ndarray, mean: np.ndarray, valid: np.ndarray) -> Noise | None:
        """Return what is known of the noise: that of the dose, or of counts that are whole."""
        electrons = self.dose
        if electrons is None:
            whole = self.counted and not np.any(np.mod(block[np.isfinite(block)], 1.0))
            electrons = total_of(mean) if whole else np.inf
        if not (self.plan.rule.averaged and 0 < electrons < np.inf):
            return None
        expected = variance_of_roots(electrons * mean / total_of(mean))
        share = valid.mean()
        count = block.shape[0] * block.shape[1]
        return Noise(electrons, float(share * count * np.nansum(expected)) / electrons)

    def probe(self, nearest: list[int], middle: tuple[float, float]) -> np.ndarray:
        """Return the probe of the aperture and its aberrations, and small modes of its slopes."""
        away = [
            np.fft.fftfreq(n, 1.0 / (n * abs(axis[1] - axis[0]))) + axis[at] - mid
            for axis, at, mid, n in zip(
                (self.found.ky, self.found.kx), nearest, middle, self.geometry.window, strict=True
            )
        ]
        aperture = self.found.beam.aperture(away[0][:, None], away[1][None, :])
        frequencies = [np.fft.fftfreq(n) * 2 for n in self.geometry.window]
        powers = [(total - k, k) for total in range(self.modes) for k in range(total + 1)]
        probes = []
        for power_y, power_x in powers[: self.modes]:
            wave = aperture * frequencies[0][:, None] ** power_y * frequencies[1] ** power_x
            wave = np.fft.fftshift(np.fft.ifft2(wave))
            probes.append(wave / np.sqrt((np.abs(wave) ** 2).sum()))
        share = np.full(self.modes, _SMALL)
        share[0] = 1.0 - _SMALL * (self.modes - 1)
        kind = np.complex64 if self.single else np.complex128
        return (np.sqrt(share)[:, None, None] * np.stack(probes)).astype(kind)

    def start(
        self, probe: np.ndarray, earlier: tuple[np.ndarray, ...]
    ) -> tuple[State, int, np.ndarray]:
        """Return where to start, the number of the first step and the errors so far."""
        kind = np.complex64 if self.single else np.complex128
        if earlier:
            obj, probe, y, x, errors = earlier
            positions = np.stack(self.geometry.places(y.ravel(), x.ravel()), axis=1)
            near = np.rint(positions)
            positions = np.where(np.abs(positions - near) < 1e-6, near, positions)
            obj = obj.reshape((self.slices, *self.geometry.shape)).astype(kind)
            state = State(obj, probe.astype(kind), positions)
            done = errors[np.isfinite(errors)]
            return state, len(done), done
        obj = np.ones((self.slices, *self.geometry.shape), dtype=kind)
        return State(obj, probe.copy(), self.geometry.positions.copy()), 0, np.empty(0)

    def settle(self, state: State, reference: np.ndarray) -> None:
        """Take off what patterns do not tell: a ramp, a factor and a constant phase."""
        constraints = self.plan.constraints
        # A ramp would make phases negative that were not.
        moved = (0.0 if constraints.positive else 1.0) * (_middle_of(state.probe) - reference)
        window = self.geometry.window
        # A ramp in front of all slices is one of the probe.
        for values, sign in ((state.object[0], 1.0), (state.probe, -1.0)):
            rows, columns = values.shape[-2:]
            ramp_y = np.exp(sign * 2j * np.pi * moved[0] * np.arange(rows) / window[0])
            ramp_x = np.exp(sign * 2j * np.pi * moved[1] * np.arange(columns) / window[1])
            values[...] *= (ramp_y[:, None] * ramp_x).astype(values.dtype)
        state.probe = orthogonal(state.probe)
        if not constraints.phase_only:
            size = float(np.sqrt((np.abs(state.probe) ** 2).sum()))
            state.probe /= size
            state.object[0] *= size
        if not constraints.positive:
            images = [self.geometry.image_of(each) for each in state.object]
            mean = complex(np.prod(images, axis=0).mean())
            if mean:
                state.object[0] *= np.asarray(
                    mean.conjugate() / abs(mean), dtype=state.object.dtype
                )

    def nothing(self, status: Status, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
        """Return the columns of a scan that gives nothing."""
        kind = np.complex64 if self.single else np.complex128
        image = (len(self.geometry.image_y), len(self.geometry.image_x))
        several = (self.slices,) if self.slices > 1 else ()
        empty = [
            np.full(each, np.nan, dtype=kind)
            for each in (
                (*several, *self.geometry.shape), (self.modes, *self.geometry.window), image
            )
        ]  # fmt: skip
        seen = [np.full((*several, *image), np.nan, dtype=kind)] if several else []
        flat = [np.full(each, np.nan) for each in (shape, shape, (self.earlier + self.max_steps,))]
        none = np.asarray(np.nan)
        return (*empty, *flat, none, np.asarray(status, dtype=np.uint8), *seen)


def _from_middle(
    values: np.ndarray, nearest: list[int], axes: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Return patterns with ascending frequencies, that begin with the pixel of the middle."""
    for number, (at, axis) in enumerate(zip(nearest, axes, strict=True), start=1):
        values = np.roll(values, -at, number)
        if axis[1] < axis[0]:
            values = np.roll(np.flip(values, number), 1, number)
    return np.ascontiguousarray(values)


def _beside(nearest: list[int], axes: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return which pixels are nearer to the middle than half a pattern: the others are cut off."""
    near = [
        np.abs(np.arange(len(axis)) - at) <= len(axis) // 2
        for at, axis in zip(nearest, axes, strict=True)
    ]
    return np.asarray(near[0][:, None] & near[1])


def _middle_of(probe: np.ndarray) -> np.ndarray:
    """Return the centre of mass in the aperture, in pixels of a pattern."""
    power = (np.abs(np.fft.fft2(probe)) ** 2).sum(axis=0, dtype=np.float64)
    ky, kx = (np.fft.fftfreq(n, 1.0 / n) for n in power.shape)
    total = power.sum()
    return np.array([(ky[:, None] * power).sum(), (kx * power).sum()]) / total
