"""Geometric phase analysis: strain of a lattice from the local frequencies of two of its waves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal, read_again
from omniscopy.compute.threads import share_work
from omniscopy.image.cleaning.filling import filled
from omniscopy.image.fourier.spots import find_fourier_spots
from omniscopy.image.strain.local_frequencies import Smoothing, Waves
from omniscopy.image.strain.strain_kernel import COLUMNS, strain_of
from omniscopy.image.topography import require_image, require_positive_length
from omniscopy.model import DataError, Status, operation, require_uniform, result, units_of
from omniscopy.model.units import reciprocal
from omniscopy.signal.precision import single_or_double

Vector = tuple[float, float]
# Widths of a Gaussian at half its height are so many standard deviations.
_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
# The resolution where none is given, in spacings of the wider lattice planes.
_SPACINGS = 3.0
# Two vectors that are nearer to parallel than this (sine of the angle) do not make a plane.
_SKEW = 0.2
# A Gaussian of which less lies on values than this leans on an edge.
_WHOLE = 0.99
# So many places of the reference are enough to know its medians.
_SAMPLED = 4096
_SCALARS = ("g1_y", "g1_x", "g2_y", "g2_x")


@operation(example={"image": "atom_image"})
def fit_gpa(
    image: xr.DataArray,
    g1: Vector | None = None,
    g2: Vector | None = None,
    *,
    resolution: float | None = None,
    reference: Mapping[str, Any] | None = None,
    finite: bool = False,
    min_amplitude: float = 0.1,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Map the strain of a lattice by geometric phase analysis with local frequencies.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid of any shape; both coordinates in the same units.
        Pixels that are not finite are left out.
    g1, g2 : (gy, gx), periods per unit (1/nm, without 2 pi)
        Reciprocal vectors of two sets of lattice planes, not parallel; where the waves are
        looked for, to about half of the distance to the next spot. Otherwise the strongest
        spot of the power spectrum and the strongest in another direction.
    resolution : float, units of the coordinates
        Full width at half maximum of the Gaussian over which phases are averaged. Three times
        the larger spacing of the planes otherwise.
    reference : mapping of dimension to label or slice, units of the coordinates
        The part of the image that is not strained, as in ``{"x": slice(20, 200)}``; all of it
        otherwise.
    finite : bool
        Return the strain of Green and Lagrange and the rotation of the polar decomposition.
    min_amplitude : float
        Pixels where the amplitude of a wave is below this part of its median in the reference
        have no strain.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., y, x)
        ``strain_yy``, ``strain_xx``, ``strain_xy`` (half of the shear angle; positive where the
        lattice is stretched), ``rotation`` (degrees, from +x towards +y, clockwise as the image
        is shown), each with ``_std``; ``displacement_y``, ``displacement_x`` of the planes
        (units of the coordinates), 0 on average in the reference, with ``_std``; ``amplitude_1``,
        ``amplitude_2`` of the waves behind the filter (units of `image`). The vectors of the
        reference are ``g1_y``, ``g1_x``, ``g2_y``, ``g2_x``, one for each image.
        ``status``: 3 (at bound) within about one resolution of an edge or a gap,
        where other waves leak in; 4 (no data) where the pixel
        or the image is not there; 5 (invalid) where a wave is too weak or there are no two
        spots. The last two are NaN.

    Raises
    ------
    DataError
        There are no two spatial dimensions of at least 8 pixels in the same units; only one
        vector is given, they are parallel, shorter than the filter is wide or beyond half of
        the sampling frequency; the reference holds no pixel.

    Notes
    -----
    :math:`H_g = F^{-1}[F(k)\,e^{-|k - g|^2 / 2 \sigma_k^2}]` is the wave at g, and

    .. math::
        q_g = \frac{1}{2 \pi}\frac{\mathrm{Im}(H_g^* \nabla H_g)}{|H_g|^2}

    its local frequency: no phase is unwrapped. With the rows :math:`q_1, q_2` in Q and their
    medians in the reference, weighted with the amplitude, in :math:`Q_0`, the deformation is
    :math:`D = Q^{-1} Q_0`, the strain :math:`(D + D^T)/2 - 1` and the rotation
    :math:`(D_{yx} - D_{xy})/2`; with `finite` :math:`(D^T D - 1)/2` and the angle of the polar
    decomposition. Standard deviations are those that white noise makes, as strong as the median
    of the power spectrum; those of displacements are against a reference that is much larger than
    the resolution. Phases were introduced by [1]_.

    References
    ----------
    .. [1] M. J. Hÿtch, E. Snoeck and R. Kilaas, *Ultramicroscopy* 74, 131 (1998).

    Examples
    --------
    >>> import omniscopy as om
    >>> image = om.samples.atom_image()
    >>> strain = om.image.fit_gpa(image, (2.56, 0.0), (0.0, 2.56), resolution=0.8)
    >>> bool(abs(strain["strain_xx"].median()) < 5e-3)
    True
    """
    dims = require_image(image, dims, at_least=8)
    steps = _steps(image, dims)
    vectors = _vectors(g1, g2, steps)
    if resolution is not None:
        resolution = require_positive_length("resolution", resolution)
        field = max(image.sizes[dim] * abs(step) for dim, step in zip(dims, steps, strict=True))
        if not max(np.abs(steps)) <= resolution <= field:
            message = (
                f"resolution must be from a pixel ({max(np.abs(steps)):g}) to the field of view "
                f"({field:g}), in the units of the coordinates, got {resolution:g}"
            )
            raise DataError(message)
    if not 0 <= min_amplitude < 1:
        message = f"min_amplitude must be from 0 to below 1, got {min_amplitude!r}"
        raise DataError(message)
    if vectors is not None:
        _require_separate(vectors, _resolution(vectors, resolution))
    analysis = _Analysis(
        steps=steps, vectors=vectors, resolution=resolution, finite=bool(finite),
        least=float(min_amplitude), reference=_region(image, dims, reference),
    )  # fmt: skip
    spots: list[xr.DataArray] = []
    if vectors is None:
        found = find_fourier_spots(image, dims=dims)
        spots = [found[name] for name in ("ky", "kx", "amplitude")]
        image = read_again(image, *spots)
    kind = single_or_double(image.dtype)
    sizes = {dim: image.sizes[dim] for dim in dims}
    made = map_signal(
        analysis.run, image, dim=dims, also=spots, whole=["peak"] if spots else [],
        output_dims=[sizes] * (len(COLUMNS) + 1) + [{}] * len(_SCALARS),
        dtypes=[kind] * len(COLUMNS) + [np.uint8] + [np.float64] * len(_SCALARS),
        parameters={"kind": kind},
    )  # fmt: skip
    columns = dict(zip((*COLUMNS, "status", *_SCALARS), made, strict=True))
    places = {dim: image.coords[dim] for dim in dims}
    length, values = units_of(image, dims[0]), image.attrs.get("units")
    units = {"rotation": "deg", "displacement": length, "amplitude": values,
             "g1": reciprocal(length), "g2": reciprocal(length)}  # fmt: skip
    return result(None, {**made[0].coords, **places}, **{
        name: (column.variable, units.get(name.partition("_")[0], "1"))
        for name, column in columns.items()
    })  # fmt: skip


def _steps(image: xr.DataArray, dims: tuple[str, str]) -> tuple[float, float]:
    units = [units_of(image, dim) for dim in dims]
    if units[0] != units[1]:
        message = (
            f"coordinates {dims} must have the same units, got {units[0]!r} and {units[1]!r}; "
            "convert one with `convert_units(data, units, dim=...)`"
        )
        raise DataError(message)
    return require_uniform(image, dims[0]), require_uniform(image, dims[1])


def _vectors(g1: Vector | None, g2: Vector | None, steps: tuple[float, float]) -> np.ndarray | None:
    """Return both vectors, shape (2, 2); `None` where they are to be found."""
    if g1 is None and g2 is None:
        return None
    if g1 is None or g2 is None:
        message = "give both g1 and g2, as (gy, gx) in periods per unit, or neither"
        raise DataError(message)
    vectors = np.asarray([g1, g2], dtype=np.float64)
    if vectors.shape != (2, 2) or not np.isfinite(vectors).all():
        message = f"g1 and g2 must be (gy, gx) in periods per unit, got {g1!r} and {g2!r}"
        raise DataError(message)
    limits = 0.5 / np.abs(steps)
    if (np.abs(vectors) > limits).any():
        message = (
            f"g1 {g1} and g2 {g2} must be below half of the sampling frequency, "
            f"({limits[0]:.4g}, {limits[1]:.4g}) periods per unit; they are without 2 pi, and "
            "not in pixels of the spectrum"
        )
        raise DataError(message)
    size = np.linalg.norm(vectors, axis=1)
    if not abs(np.linalg.det(vectors)) > 1e-3 * size[0] * size[1]:
        message = f"g1 {g1} and g2 {g2} are parallel; give vectors in two directions"
        raise DataError(message)
    return vectors


def _resolution(vectors: np.ndarray, resolution: float | None) -> float:
    if resolution is not None:
        return resolution
    return _SPACINGS / float(np.linalg.norm(vectors, axis=1).min())


def _require_separate(vectors: np.ndarray, resolution: float) -> None:
    """Raise where a Gaussian around a vector would reach the middle of the spectrum."""
    width = _PER_SIGMA / (2 * np.pi * resolution)
    shortest = float(np.linalg.norm(vectors, axis=1).min())
    if shortest < 2 * width:
        message = (
            f"a resolution of {resolution:g} is too fine for planes {1 / shortest:g} apart: it "
            f"takes in waves of {width:.3g} periods per unit around each vector. Give at least "
            f"{_PER_SIGMA / np.pi / shortest:.3g}"
        )
        raise DataError(message)


def _region(
    image: xr.DataArray, dims: tuple[str, str], labels: Mapping[str, Any] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows and which columns are in the reference."""
    inside = {dim: np.ones(image.sizes[dim], dtype=bool) for dim in dims}
    for dim, label in (labels or {}).items():
        if dim not in dims:
            message = f"reference {dict(labels or {})!r}: {dim!r} is not one of {dims}"
            raise DataError(message)
        numbers = xr.DataArray(
            np.arange(image.sizes[dim]), {dim: image.coords[dim].values}, dims=(dim,)
        )
        try:
            chosen = numbers.sel({dim: label})
        except (KeyError, TypeError) as error:
            message = f"reference {dict(labels or {})!r}: there is no such label ({error})"
            raise DataError(message) from None
        if chosen.size == 0:
            ends = image.coords[dim].values[[0, -1]]
            message = (
                f"reference {dict(labels or {})!r} holds no pixel; {dim!r} goes from "
                f"{ends[0]:g} to {ends[1]:g}"
            )
            raise DataError(message)
        inside[dim][:] = False
        inside[dim][chosen.values] = True
    return inside[dims[0]], inside[dims[1]]


@dataclass(frozen=True)
class _Analysis:
    """What is asked of every image of a block."""

    steps: tuple[float, float]
    vectors: np.ndarray | None
    resolution: float | None
    finite: bool
    least: float
    reference: tuple[np.ndarray, np.ndarray]

    def run(self, block: np.ndarray, *spots: np.ndarray, kind: np.dtype) -> tuple[np.ndarray, ...]:
        """Return all maps, the status and the reference vectors of a block of images."""
        outer, shape = block.shape[:-2], block.shape[-2:]
        # One by one, they take the places of what was let go of before: pages are not made anew.
        maps = tuple(np.empty((*outer, *shape), dtype=kind) for _ in COLUMNS)
        status = np.full(block.shape, Status.NO_DATA, dtype=np.uint8)
        scalars = np.full((len(_SCALARS), *outer), np.nan)
        for place in np.ndindex(*outer):
            image = block[place]
            # No sum of pixels of single precision is too large for double.
            total = float(image.sum(axis=0, dtype=np.float64).sum())
            used = None if np.isfinite(total) else np.isfinite(image)
            vectors = self.vectors
            if vectors is None:
                ky, kx, strength = (
                    np.broadcast_to(each, (*outer, each.shape[-1]))[place] for each in spots
                )
                vectors = _strongest(ky, kx, strength)
            if vectors is None or (used is not None and not used.any()):
                for column in maps:
                    column[place] = np.nan
                status[place] = Status.INVALID
                if used is not None:
                    status[(*place, ~used)] = Status.NO_DATA
                continue
            columns = tuple(column[place] for column in maps)
            g0 = self._strain(image, used, total, vectors, columns, status[place])
            scalars[(slice(None), *place)] = g0.ravel()
        return (*maps, status, *scalars)

    def _strain(  # noqa: PLR0917
        self, image: np.ndarray, used: np.ndarray | None, total: float, vectors: np.ndarray,
        maps: tuple[np.ndarray, ...], status: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """Write the maps and the outcome of one image; return the reference vectors."""
        kind = maps[0].dtype
        # In pixels, so that rounding does not depend on the units of the coordinates.
        pixel = abs(self.steps[0])
        steps = (self.steps[0] / pixel, self.steps[1] / pixel)
        sigma = _resolution(vectors, self.resolution) / _PER_SIGMA / pixel
        smoothing = Smoothing(sigma, steps)
        count = image.size if used is None else int(np.count_nonzero(used))
        if used is None:
            values = np.subtract(image, total / image.size, dtype=kind)
        else:
            values = np.where(used, image, 0).astype(kind)
            values -= kind.type(values.sum(dtype=np.float64) / count)
            values[~used] = 0
        weights = smoothing.weights(used, image.shape, kind)
        waves, variance = smoothing.waves(values, vectors * pixel, count)
        nodes, near = waves.at_nodes(), weights.at(waves.stride)
        inside = self._inside(near[0], waves.stride)
        g0, level = _reference_of(nodes, near, waves, inside)
        turns = _turns(nodes, waves, g0, steps, image.shape, inside)
        least = self.least * level
        good = (2 * np.abs(nodes[:, 0]) > least[:, None, None] * near[0]).all(axis=0)
        noise = np.sqrt(variance * smoothing.noise / 4) / sigma / (2 * np.pi)
        strain_of(
            waves, weights, _phases(nodes, waves.stride, turns, good, inside), turns, g0,
            noise=noise, sigma=sigma, pixel=pixel, finite=self.finite, least=least,
            whole=_WHOLE, out=maps, status=status,
        )  # fmt: skip
        if used is not None:
            for column in maps:
                column[~used] = np.nan
            status[~used] = Status.NO_DATA
        return g0 / pixel

    def _inside(self, part: np.ndarray, stride: tuple[int, int]) -> np.ndarray:
        """Return which nodes are in the reference; those away from edges if there are such."""
        rows, columns = (
            _nodes_in(inside, step) for inside, step in zip(self.reference, stride, strict=True)
        )
        inside = rows[:, None] & columns
        most = part[inside].max()
        return np.asarray(inside & (part >= (_WHOLE if most >= _WHOLE else most / 2)))


def _nodes_in(inside: np.ndarray, stride: int) -> np.ndarray:
    """Return which of every `stride` pixels are in a part of an axis, or next to a smaller one."""
    nodes = inside[::stride].copy()
    if not nodes.any():
        nodes[np.minimum(np.rint(np.flatnonzero(inside) / stride).astype(int), len(nodes) - 1)] = 1
    return nodes


def _reference_of(
    nodes: np.ndarray, near: np.ndarray, waves: Waves, inside: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return median vectors, weighted with the amplitude, and median amplitudes."""
    places = np.flatnonzero(inside)
    places = places[:: -(-len(places) // _SAMPLED)]
    part, yy, yx, xx = near.reshape(4, -1)[:, places]
    sampled = nodes.reshape(2, 3, -1)[:, :, places].astype(np.complex128)
    g0, level = np.empty((2, 2)), np.empty(2)
    for number, (value, slope_y, slope_x) in enumerate(sampled):
        size = np.abs(value)
        level[number] = 2 * np.median(size / part)
        y, x = (
            (slope * value.conj()).imag / np.maximum(size**2, 1e-30) / (2 * np.pi) - away
            for slope, away in zip((slope_y, slope_x), (waves.g - waves.k0)[number], strict=True)
        )
        beyond = yy * y + yx * x, yx * y + xx * x
        g0[number] = waves.g[number] + [_weighted_median(each, size) for each in beyond]
    return g0, level


def _turns(  # noqa: PLR0917
    nodes: np.ndarray, waves: Waves, g0: np.ndarray, steps: tuple[float, float],
    shape: tuple[int, ...], inside: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return what is added to the phases along y and x, so that the reference has none."""
    beyond = 2 * np.pi * (waves.k0 - g0)
    rows, columns = (
        np.multiply.outer(beyond[:, axis], steps[axis] * np.arange(shape[axis])) for axis in (0, 1)
    )
    for number in range(2):
        left, right = (
            np.exp(1j * each[::stride])
            for each, stride in zip((rows[number], columns[number]), waves.stride, strict=True)
        )
        # So few are no work for a library with threads of its own.
        seen = np.where(inside, nodes[number, 0], 0) * left[:, None] * right
        rows[number] -= np.angle(seen.sum())
    return rows, columns


def _strongest(ky: np.ndarray, kx: np.ndarray, strength: np.ndarray) -> np.ndarray | None:
    """Return the strongest spot and the strongest in another direction, if there are two."""
    order = np.argsort(-np.where(np.isfinite(strength), strength, -1.0), kind="stable")
    spots = np.stack([ky, kx], axis=-1)[order]
    spots = spots[np.isfinite(spots).all(axis=1)]
    if len(spots) < 2:
        return None
    size = np.linalg.norm(spots, axis=1)
    skew = np.abs(spots[0, 0] * spots[:, 1] - spots[0, 1] * spots[:, 0]) / (size * size[0])
    other = np.flatnonzero(skew > _SKEW)
    return np.stack([spots[0], spots[other[0]]]) if len(other) else None


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """Return the value up to which half of the weights lie, NaN where there is none."""
    if not values.size:
        return float("nan")
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    if not reached[-1] > 0:
        return float("nan")
    return float(np.interp(0.5 * reached[-1], reached - 0.5 * weights[order], values[order]))


def _phases(
    nodes: np.ndarray, stride: tuple[int, int], turns: tuple[np.ndarray, np.ndarray],
    good: np.ndarray, inside: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return the phases of both waves at their nodes, between which they turn by less than pi.

    Where there is no wave (not `good`), the phase is that of the nearest node that has one.
    """
    phases = np.angle(nodes[:, 0]).astype(np.float64)
    phases += turns[0][:, :: stride[0], None] + turns[1][:, None, :: stride[1]]
    if not good.any():
        return phases
    level = good & inside if (good & inside).any() else good

    def work(number: int) -> None:
        unwrapped = _unwrapped(phases[number], good)
        # The reference has no phase on average: whole turns of all of it say nothing.
        turned = np.round(np.median(unwrapped[level]) / (2 * np.pi))
        phases[number] = filled(unwrapped - 2 * np.pi * turned, good)

    share_work(work, range(2))
    return phases


def _unwrapped(phase: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Return a phase without jumps; where there are whirls, along paths of good quality."""
    along = [_wrapped(np.diff(phase, axis=axis)) for axis in (0, 1)]
    whirl = along[0][:, :-1] + along[1][1:] - along[0][:, 1:] - along[1][:-1]
    if good.all() and not (np.abs(whirl) > 1.0).any():
        # Every path leads to the same phase.
        steps = np.empty_like(phase)
        steps[0], steps[1:] = phase[0], along[0]
        steps[0, 1:] = along[1][0]
        steps[0] = np.cumsum(steps[0])
        return np.cumsum(steps, axis=0)
    from skimage.restoration import unwrap_phase

    unwrap: Any = unwrap_phase
    masked: Any = np.where(good, phase, 0.0)
    if not good.all():
        masked = np.ma.array(masked, mask=~good)
    # A single row or column is unwrapped along itself.
    plain = masked if min(phase.shape) > 1 else masked.ravel()
    return np.asarray(np.ma.getdata(unwrap(plain, rng=0))).reshape(phase.shape)


def _wrapped(angle: np.ndarray) -> np.ndarray:
    """Return angles from -pi to pi."""
    return angle - 2 * np.pi * np.round(angle / (2 * np.pi))
