"""Shifts of frames from correlations of all pairs of them."""

from typing import Literal, NamedTuple

import numpy as np
from scipy import fft
from scipy.linalg.blas import snrm2  # of values of any size, without overflow

from omniscopy.compute.native_threads import native_threads_held
from omniscopy.compute.threads import available_cores, share_work
from omniscopy.image.cleaning.inpainting import laplace_surface
from omniscopy.image.registration.shift_graphs import Pairs, choose, misfits, solve_robustly
from omniscopy.model.status import Status

Correlation = Literal["likelihood", "cross", "phase"]
Reference = Literal["all_pairs", "mean", "first"]
# Waves that a frame keeps along each axis, at most, and those that decide on whole pixels.
BAND, _COARSE = 512, 128
# Peaks of a correlation that are possible shifts; maps that are made at a time.
_PEAKS, _AT_ONCE = 6, 32
# All pairs of up to so many frames; of more, those whose distances are in a Fibonacci series.
_MOST = 24
_DISTANCES = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610)
# Part of the frame over which its weight falls off at each side.
_TAPER = 0.25
# Waves with less of the weight than this are left out.
_FAINT = 0.01
_STEPS = 3
_TINY = 1e-30


class Shifts(NamedTuple):
    """Positions of frames in pixels, shape (frame, 2), and what is known of them."""

    shift: np.ndarray
    std: np.ndarray
    correlation: np.ndarray
    residual: np.ndarray
    status: np.ndarray


def kept_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Return how many waves along each axis are kept of the transform of real frames."""
    rows, columns = (min(size, BAND) for size in shape)
    return rows, columns // 2 + 1


def frequencies(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the frequencies of the waves that are kept, in periods per pixel."""
    rows, columns = kept_shape(shape)
    ky = fft.fftfreq(shape[0])
    if rows < shape[0]:
        ky = np.concatenate([ky[: rows // 2], ky[len(ky) - (rows - rows // 2) :]])
    return ky, fft.rfftfreq(shape[1])[:columns]


def spectra_of(
    frames: np.ndarray, shifts: np.ndarray | None = None, edges: np.ndarray | None = None
) -> np.ndarray:
    """Return transforms of frames, shape (..., y, x), whose weight falls off to the edges.

    With `shifts`, shape (..., 2), the weight moves with what is seen, so that all frames show
    the same; `edges`, shape (..., 4), say where it begins and ends along y, and along x.
    """
    outer, shape = frames.shape[:-2], frames.shape[-2:]
    rows, columns = kept_shape(shape)
    made = np.zeros((*outer, rows, columns), dtype=np.complex64)
    places = list(np.ndindex(*outer))
    low = rows // 2 if rows < shape[0] else rows

    def work(number: int) -> None:
        place = places[number]
        frame = frames[place]
        moved = np.zeros(2) if shifts is None else np.broadcast_to(shifts, (*outer, 2))[place]
        ends = _whole(shape) if edges is None else np.broadcast_to(edges, (*outer, 4))[place]
        if not np.isfinite(moved).all():
            return
        weight = [
            _taper(np.arange(size) - moved[axis], *ends[2 * axis : 2 * axis + 2])
            for axis, size in enumerate(shape)
        ]
        values, missing = _standardised(frame)
        if values is None:
            return
        if missing is not None:  # it stands still: a step at its rim would hold the frame
            values = laplace_surface(values, missing, (1.0, 1.0)).astype(np.float32)
        rows_weight, columns_weight = (each.astype(np.float32) for each in weight)
        total = float(weight[0].sum() * weight[1].sum())
        if not total > 0:
            return
        values -= np.float32(rows_weight @ (values @ columns_weight) / total)
        values *= rows_weight[:, None]
        values *= columns_weight
        spectrum = fft.rfft2(values)[:, :columns]
        made[(*place, slice(low))] = spectrum[:low]
        made[(*place, slice(low, None))] = spectrum[len(spectrum) - (rows - low) :]

    share_work(work, range(len(places)))
    return made


def _standardised(frame: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return a frame of mean 0 and deviation 1, and which pixels are missing if some are.

    `None` where there is nothing in it.
    """
    finite = np.isfinite(frame)
    whole = bool(finite.all())
    if not (whole or finite.any()):
        return None, None
    there = frame if whole else frame[finite]
    level = there.mean(dtype=np.float64)
    # Without its level a frame is held by single precision. Nor does it depend on the units of
    # the values how they are rounded.
    kind = np.result_type(frame.dtype, np.float32)
    values = np.subtract(frame, kind.type(level), dtype=kind)
    if whole and kind == np.float32:
        spread = float(snrm2(values.ravel()) / np.sqrt(values.size))
    else:
        spread = float(there.std(dtype=np.float64))
    if not spread > 1e-12 * abs(level):
        return None, None
    values /= kind.type(spread)
    return values.astype(np.float32, copy=False), None if whole else ~finite


def _whole(shape: tuple[int, ...]) -> np.ndarray:
    return np.array([-0.5, shape[0] - 0.5, -0.5, shape[1] - 0.5])


def _taper(place: np.ndarray, begin: float, end: float) -> np.ndarray:
    """Return a weight that rises as a cosine from `begin` and falls to `end`."""
    inside = np.minimum(place - begin, end - place) / (_TAPER * (end - begin))
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.clip(inside, 0.0, 1.0)))


def rough_shifts(
    spectra: np.ndarray, shape: tuple[int, int], reach: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return positions of frames to about a pixel, shape (frame, 2), and what all of them show.

    `spectra`, shape (frame, ky, kx). Frames with nothing in them are NaN. The second, shape (4),
    is where the part begins and ends that all frames show, along y and along x.
    """
    count = len(spectra)
    found = np.full((count, 2), np.nan)
    good = np.flatnonzero(spectra.any(axis=(1, 2)))
    if len(good) < 2:
        return found, _whole(shape)
    ky, kx = frequencies(shape)
    spectra, ky, kx = _low_part(spectra[good], ky, kx)
    spectra = spectra * np.sqrt(_weight_before(spectra, ky, kx)).astype(np.float32)
    spectra[:, 0, 0] = 0
    pairs = _pairs_of(len(good))
    candidates, heights = _peaks_of(spectra, *pairs, shape, reach)
    usable = Pairs(*pairs, candidates[:, 0], np.maximum(heights[:, 0], 0.0))
    positions = choose(candidates, heights, usable, len(good))
    found[good] = positions - positions[0]
    return found, _common(found[good], shape)


def _low_part(
    spectra: np.ndarray, ky: np.ndarray, kx: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the lowest waves that hold most of what is above the noise."""
    power = (np.abs(spectra) ** 2).mean(axis=0)
    power = np.maximum(power - np.median(power) / np.log(2.0), 0)
    power[0, 0] = 0
    size = _COARSE
    half = len(ky) // 2
    while size < len(ky) or size // 2 + 1 < len(kx):
        rows = np.r_[0 : min(size // 2, half), max(len(ky) - size // 2, half) : len(ky)]
        inside = power[rows][:, : size // 2 + 1].sum()
        if inside > 0.9 * power.sum():
            columns = min(size // 2 + 1, len(kx))
            return spectra[:, rows, :columns], ky[rows], kx[:columns]
        size *= 2
    return spectra, ky, kx


def _weight_before(spectra: np.ndarray, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
    """Return the weight of waves of frames that are not yet aligned."""
    power = (np.abs(spectra) ** 2).mean(axis=0)
    floor = float(np.median(power)) / np.log(2.0)
    ring, rings = _rings(ky, kx)
    mean = np.bincount(ring, power.ravel(), rings) / np.bincount(ring, minlength=rings)
    noise = max(floor, 1e-3 * float(mean[1:].max(initial=_TINY)))
    signal = np.maximum(mean - noise, 1e-3 * noise)
    return np.asarray((signal / (noise * (2 * signal + noise)) / signal[1:].max())[ring]).reshape(
        power.shape
    )


def _rings(ky: np.ndarray, kx: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the number of the ring of each wave, and how many there are."""
    step = max(float(np.abs(ky[1])), float(kx[1])) if len(ky) > 1 and len(kx) > 1 else 1.0
    ring = (np.hypot(ky[:, None], kx) / step + 0.5).astype(int).ravel()
    return ring, int(ring.max()) + 1


def _pairs_of(count: int) -> tuple[np.ndarray, np.ndarray]:
    distances = range(1, count) if count <= _MOST else [d for d in _DISTANCES if d < count]
    first = np.concatenate([np.arange(count - d) for d in distances])
    return first, np.concatenate([np.arange(d, count) for d in distances])


def _peaks_of(
    spectra: np.ndarray, first: np.ndarray, second: np.ndarray, shape: tuple[int, int],
    reach: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return the highest peaks of the correlation of each pair: shifts in pixels, and heights."""
    size = (spectra.shape[1], min(2 * (spectra.shape[2] - 1) + shape[1] % 2, shape[1]))
    size = (size[0], max(size[1], 1))
    scale = (shape[0] / size[0], shape[1] / size[1])
    shifts = np.zeros((len(first), _PEAKS, 2))
    heights = np.full((len(first), _PEAKS), -np.inf)
    along = [fft.fftfreq(n, 1 / n) for n in size]
    beyond = (np.abs(along[0] * scale[0]) > reach[0])[:, None] | (
        np.abs(along[1] * scale[1]) > reach[1]
    )
    for begin in range(0, len(first), _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        cross = spectra[second[part]] * spectra[first[part]].conj()
        maps = fft.irfft2(cross, size, workers=available_cores())
        maps[:, beyond] = -np.inf
        highest = np.ones(maps.shape, dtype=bool)
        for axis in (1, 2):
            for way in (-1, 1):
                highest &= maps >= np.roll(maps, way, axis)
        for number, (own, tops) in enumerate(zip(maps, highest, strict=True), begin):
            places = np.flatnonzero(tops & np.isfinite(own))
            high = own.ravel()[places]
            places = places[high > 0.5 * high.max(initial=0.0)]
            order = places[np.argsort(-own.ravel()[places], kind="stable")[:_PEAKS]]
            rows, columns = np.unravel_index(order, own.shape)
            for peak, (row, column) in enumerate(zip(rows, columns, strict=True)):
                heights[number, peak] = own[row, column]
                shifts[number, peak] = (
                    scale[0] * (along[0][row] + _between(own[:, column], row)),
                    scale[1] * (along[1][column] + _between(own[row], column)),
                )
            if len(order):
                shifts[number, len(order) :] = shifts[number, 0]
    return shifts, heights


def _between(values: np.ndarray, place: int) -> float:
    """Return where a parabola through a maximum and its neighbours is highest, from it."""
    before, after = values[place - 1], values[(place + 1) % len(values)]
    bend = before + after - 2 * values[place]
    if not (np.isfinite(bend) and bend < 0):
        return 0.0
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5))


def _common(positions: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return where the part that all frames show begins and ends, at least a third of a frame."""
    edges = []
    for axis, size in enumerate(shape):
        begin = -0.5 - positions[:, axis].min()
        end = size - 0.5 - positions[:, axis].max()
        middle, least = 0.5 * (begin + end), size / 3
        half = max(0.5 * (end - begin), 0.5 * least)
        edges += [middle - half, middle + half]
    return np.array(edges)


def refined_shifts(
    spectra: np.ndarray,
    rough: np.ndarray,
    edges: np.ndarray,
    shape: tuple[int, int],
    *,
    reference: Reference,
    correlation: Correlation,
    reach: tuple[float, float],
    final: bool,
) -> Shifts:
    r"""Return positions of frames from the phases of the waves of all pairs at once.

    The correlation of two frames that are nearly aligned is highest at

    .. math::
        \delta = -\frac{1}{2 \pi} \left(\sum w\,k k^T\,\mathrm{Re}\,C\right)^{-1}
                 \sum w\,k\,\mathrm{Im}\,C, \quad C = F_j F_i^*

    (one step of Newton's method). The sums are products of matrices: of all frames with all.
    How wrong they are is only asked of the `final` ones, and NaN otherwise.
    """
    count = len(spectra)
    good = np.flatnonzero(np.isfinite(rough).all(axis=1) & spectra.any(axis=(1, 2)))
    shift, std = np.full((count, 2), np.nan), np.full((count, 2), np.nan)
    alike, residual = np.full(count, np.nan), np.full(count, np.nan)
    status = np.full(count, Status.INVALID, dtype=np.uint8)
    if len(good) < 2:
        return Shifts(shift, std, alike, residual, status)
    ky, kx = frequencies(shape)
    waves = spectra if len(good) == count else spectra[good]
    if correlation == "phase":
        waves = waves / np.maximum(np.abs(waves), np.float32(_TINY))
    positions = rough[good] - rough[good[0]]
    with native_threads_held():
        turned = _turned_back(waves, positions, ky, kx)
        weight = _weight_of(turned, ky, kx, shape, correlation)
        strong = weight > _FAINT * weight.max()
        box = (
            np.flatnonzero(strong.any(axis=1)),
            slice(np.flatnonzero(strong.any(axis=0))[-1] + 1),
        )
        weight, ky, kx = (weight * strong)[box[0], box[1]], ky[box[0]], kx[box[1]]
        waves, turned = waves[:, box[0], box[1]], turned[:, box[0], box[1]]
        for remaining in reversed(range(_STEPS)):
            moments = _Moments.of(turned, weight, ky, kx)
            step, misfit = moments.solved(reference)
            positions = positions + step
            if not remaining or np.abs(step).max() < 1e-2:
                break
            turned = _turned_back(waves, positions, ky, kx)
        spread = np.full((len(good), 2), np.nan)
        if final:
            effects = _edge_effects(turned.mean(axis=0), weight, box, ky, kx, shape, edges)
            spread = effects * _spread(turned, weight, ky, kx)
    shift[good] = positions - positions[0]
    std[good] = np.sqrt(spread + spread[0])
    std[good[0]] = np.sqrt(spread[0])
    alike[good], residual[good] = moments.alike(), misfit
    lost = ~(alike > 0)
    beyond = (np.abs(np.nan_to_num(shift)) >= np.asarray(reach)).any(axis=1)
    status[good] = Status.CONVERGED
    status[beyond & ~lost] = Status.AT_BOUND
    status[lost] = Status.INVALID
    shift[lost] = std[lost] = np.nan
    return Shifts(shift, std, alike, residual, status)


def _turned_back(
    waves: np.ndarray, positions: np.ndarray, ky: np.ndarray, kx: np.ndarray
) -> np.ndarray:
    """Return the waves of frames that are shifted back."""
    rows = np.exp(2j * np.pi * positions[:, :1] * ky).astype(np.complex64)
    columns = np.exp(2j * np.pi * positions[:, 1:] * kx).astype(np.complex64)
    made = np.empty_like(waves)

    def work(frame: int) -> None:
        np.multiply(waves[frame], rows[frame, :, None], out=made[frame])
        made[frame] *= columns[frame]

    share_work(work, range(len(waves)))
    return made


def _weight_of(
    turned: np.ndarray, ky: np.ndarray, kx: np.ndarray, shape: tuple[int, int],
    correlation: Correlation,
) -> np.ndarray:  # fmt: skip
    r"""Return the weight of each wave.

    That is how often the half of the spectrum stands for it, times :math:`S / (2 S + N)` for the
    signal and the noise that frames have in common at its distance from the middle.
    That is the estimate of maximum likelihood [C. H. Knapp, G. C. Carter, IEEE Trans. Acoust.
    Speech Signal Process. 24, 320 (1976)] for noise of equal strength N at all frequencies.
    """
    weight = np.full((len(ky), len(kx)), 2.0)
    weight[:, 0] = 1.0
    if shape[1] % 2 == 0 and len(kx) == shape[1] // 2 + 1:
        weight[:, -1] = 1.0
    weight[0, 0] = 0.0
    if correlation != "likelihood":
        return weight
    count = len(turned)
    whole = (np.abs(turned) ** 2).sum(axis=0, dtype=np.float64)
    joint = np.abs(turned.sum(axis=0)) ** 2 - whole
    ring, rings = _rings(ky, kx)
    points = np.bincount(ring, minlength=rings)
    total = np.bincount(ring, whole.ravel(), rings) / points / count
    signal = np.maximum(np.bincount(ring, joint.ravel(), rings) / points / count / (count - 1), 0)
    noise = np.maximum(total - signal, 1e-6 * total[1:].max(initial=_TINY))
    # What noise alone makes of the joint power of a ring is no signal.
    by_chance = 3 * noise * np.sqrt(2 / (count * (count - 1) * points))
    share = np.where(signal > by_chance, signal / (2 * signal + noise), 0.0)
    if not share[1:].max(initial=0.0) > 0:
        return weight
    return weight * np.asarray(share[ring]).reshape(weight.shape)


class _Moments(NamedTuple):
    """Sums over the waves of all pairs, shape (frame, frame): [j, i] is that of F_j F_i*."""

    height: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @classmethod
    def of(
        cls, turned: np.ndarray, weight: np.ndarray, ky: np.ndarray, kx: np.ndarray
    ) -> "_Moments":
        """Return the sums over waves, shape (frame, ky, kx)."""
        y, x = (each.ravel() for each in np.broadcast_arrays(ky[:, None], kx))
        w = weight.ravel()
        waves = np.ascontiguousarray(turned.reshape(len(turned), -1), np.complex64)
        # Real and imaginary parts follow each other: the real part of a product with a conjugate
        # is a real product, and its imaginary part one with i times the other.
        parts, across = waves.view(np.float32), (np.complex64(1j) * waves).view(np.float32)

        def summed(other: np.ndarray, factor: np.ndarray) -> np.ndarray:
            return ((parts * np.repeat((w * factor).astype(np.float32), 2)) @ other.T).astype(float)

        first = np.stack([summed(across, y), summed(across, x)], axis=-1)
        yy, xx, yx = (summed(parts, factor) for factor in (y * y, x * x, y * x))
        second = np.stack([np.stack([yy, yx], -1), np.stack([yx, xx], -1)], -1)
        return cls(summed(parts, np.ones_like(w)), first, second)

    def alike(self) -> np.ndarray:
        """Return how much each frame is like all others on average, from -1 to 1."""
        size = np.sqrt(np.diag(self.height))
        relative = self.height / np.maximum(size[:, None] * size, _TINY)
        return np.asarray((relative.sum(axis=1) - 1) / (len(size) - 1))

    def solved(self, reference: Reference) -> tuple[np.ndarray, np.ndarray]:
        """Return by how much each frame is still shifted, and how its pairs disagree (rms)."""
        count = len(self.height)
        if reference == "mean":
            off = ~np.eye(count, dtype=bool)
            first = (self.first * off[..., None]).sum(axis=1)
            second = (self.second * off[..., None, None]).sum(axis=1)
            step = _newton(first, second)
            return step, np.full(count, np.nan)
        second_of, first_of = np.triu_indices(count, 1)[::-1]
        if reference == "first":
            kept = first_of == 0
            first_of, second_of = first_of[kept], second_of[kept]
        shift = _newton(self.first[second_of, first_of], self.second[second_of, first_of])
        size = np.sqrt(np.diag(self.height))
        relative = self.height / np.maximum(size[:, None] * size, _TINY)
        weight = np.maximum(relative[second_of, first_of], 0.0) ** 2 + 1e-9
        pairs = Pairs(first_of, second_of, shift, weight)
        if reference == "first":
            step = np.concatenate([np.zeros((1, 2)), shift])
            return step, np.full(count, np.nan)
        step, final = solve_robustly(pairs, count)
        squares = (misfits(pairs, step) ** 2).sum(axis=1) * final
        total, weights = np.zeros(count), np.zeros(count)
        for side in (first_of, second_of):
            np.add.at(total, side, squares)
            np.add.at(weights, side, final)
        return step, np.sqrt(total / np.maximum(weights, _TINY))


def _newton(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return where correlations are highest, at most a pixel away; 0 where they are not convex."""
    det = second[..., 0, 0] * second[..., 1, 1] - second[..., 0, 1] ** 2
    convex = (det > 1e-9 * second[..., 0, 0] * second[..., 1, 1]) & (second[..., 0, 0] > 0)
    safe = np.where(convex, det, 1.0)
    y = (second[..., 1, 1] * first[..., 0] - second[..., 0, 1] * first[..., 1]) / safe
    x = (second[..., 0, 0] * first[..., 1] - second[..., 0, 1] * first[..., 0]) / safe
    step = np.where(convex[..., None], -np.stack([y, x], axis=-1) / (2 * np.pi), 0.0)
    return np.clip(step, -1.5, 1.5)


def _edge_effects(  # noqa: PLR0917
    mean: np.ndarray, weight: np.ndarray, box: tuple[np.ndarray, slice],
    ky: np.ndarray, kx: np.ndarray, shape: tuple[int, int], edges: np.ndarray,
) -> np.ndarray:  # fmt: skip
    r"""Return by how much variances are larger since frames are weighted, along y and x.

    There is no noise beyond the edges, so that there is more where the slopes are. And the weight
    w moves with the shift that is found: what it holds, G, changes less by a shift than
    :math:`\partial G` says, by :math:`\frac{1}{4} c^2 \sum G^2 / w` of
    :math:`\sum (\partial G)^2` where the weight rises as :math:`(1 - \cos c r) / 2`.
    """
    rows, columns = kept_shape(shape)
    size = (rows, 2 * (columns - 1) + min(shape[1], BAND) % 2)
    axes = [
        _taper(np.arange(n) * whole / n, *edges[2 * axis : 2 * axis + 2])
        for axis, (n, whole) in enumerate(zip(size, shape, strict=True))
    ]
    window = np.multiply.outer(*axes)

    def back(factor: np.ndarray | float) -> np.ndarray:
        spectrum = np.zeros((rows, columns), dtype=np.complex64)
        spectrum[box[0], box[1]] = mean * factor
        return np.asarray(fft.irfft2(spectrum, size)) ** 2

    held = back(np.sqrt(weight)) / np.maximum(window, 0.05)
    found = []
    for axis, k in enumerate((ky[:, None], kx)):
        slopes = back(2j * np.pi * k * weight)
        total = float((window**2).sum()) * float(slopes.sum())
        if not total > 0:
            found.append(1.0)
            continue
        gathered = window.size * float((window**2 * slopes).sum()) / total
        rate = np.pi / (_TAPER * (edges[2 * axis + 1] - edges[2 * axis]))
        rising = (axes[axis] > 0) & (axes[axis] < 1)
        inside = held[rising] if axis == 0 else held[:, rising]
        slack = 0.25 * rate**2 * float(inside.sum())
        slack /= float(back(2j * np.pi * k * np.sqrt(weight)).sum())
        found.append(gathered / (1 - min(slack, 0.5)) ** 2)
    return np.array(found)


def _spread(turned: np.ndarray, weight: np.ndarray, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
    r"""Return the variance of each shift against a reference without noise, shape (frame, 2).

    What differs from the mean M of the frames is the noise R; in the step of Newton's method it
    makes the variance :math:`H^{-1} J H^{-1}` with :math:`H = 2 \pi \sum w\,k k^T |M|^2` and
    :math:`J = \sum w^2 k k^T |M|^2 |R|^2 / 2`, where a wave stands for two.
    """
    count = len(turned)
    waves, w = turned.reshape(count, -1), weight.ravel()
    k = np.stack([each.ravel() for each in np.broadcast_arrays(ky[:, None], kx)])
    mean = waves.mean(axis=0)
    power = np.abs(mean) ** 2
    rest = (np.abs(waves - mean) ** 2) * (count / (count - 1))
    signal = np.maximum(power - rest.mean(axis=0) / count, 0.0) if count > 2 else power
    hessian = 2 * np.pi * np.einsum("k,ik,jk->ij", w * signal, k, k, optimize=True)
    terms = 0.5 * w**2 * power * np.stack([k[0] ** 2, k[0] * k[1], k[0] * k[1], k[1] ** 2])
    scores = (rest @ terms.T.astype(rest.dtype)).reshape(count, 2, 2)
    if not np.linalg.cond(hessian) < 1e12:
        return np.full((count, 2), np.nan)
    inverse = np.linalg.inv(hessian)
    return np.asarray(np.einsum("ij,njk,ki->ni", inverse, scores, inverse))
