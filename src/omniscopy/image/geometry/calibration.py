"""Scales of images and patterns from spots of a lattice that is known."""

import itertools
from dataclasses import dataclass

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.geometry.planes import in_units, require_any_plane
from omniscopy.image.topography import like
from omniscopy.model import (
    DataError,
    Status,
    kind_of_dim,
    operation,
    require_real,
    require_uniform,
    result,
)
from omniscopy.model.units import reciprocal

# Indices of reflections, and how far from a scaled and turned lattice spots may lie.
_HIGHEST = 3
_SPOTS = 12
_NEAR = 0.03
# Part of the amplitude of all spots that must belong to a lattice.
_EXPLAINED = 0.5
# Spots may leave out others of the lattice: no more than every fourth of a centred one is left.
_MULTIPLE = 4
_COUNT = 4
_PARAMETERS = ("scale_y", "scale_x", "skew", "rotation")


@operation(example={"spots": "fourier_spots", "a": 0.39})
def fit_calibration(
    spots: xr.Dataset,
    a: float,
    b: float | None = None,
    angle: float = 90.0,
    *,
    units: str | None = None,
    tolerance: float = 0.15,
    dims: tuple[str, str] = ("ky", "kx"),
) -> xr.Dataset:
    r"""Fit true scales and the skew of an image to the spots of a lattice that is known.

    Parameters
    ----------
    spots : Dataset, shape (..., peak)
        ``ky`` and ``kx`` as `find_fourier_spots` returns them, of an image or of a diffraction
        pattern; with ``ky_std`` and ``kx_std`` they have weights, with ``amplitude`` or
        ``intensity`` the strong ones are tried first.
    a, b : float
        Lengths of the vectors of the plane lattice that the spots belong to; `b` is that of `a`
        otherwise.
    angle : float, degrees
        Between the vectors.
    units : str
        Of `a` and `b`; those that 1/ky has otherwise.
    tolerance : float
        How wrong the scales may be, as a part; and the skew.
    dims : (str, str)
        Names of the frequencies along y and x.

    Returns
    -------
    Dataset, shape (...)
        ``scale_y`` and ``scale_x``, true lengths over those that the coordinates have; ``skew``,
        by how much true x grows with y, as drift during a slow scan along y makes it; and
        ``rotation`` of the vector a from +x towards +y in the true image, in degrees, each with
        ``_std``. ``residual``, the scatter of spots about the lattice as a part of their
        distance from the middle, ``spots``, how many belong to it, and ``status``: 4 (no data)
        where there are fewer than 2, 5 (invalid) where less than half of their amplitude fits to
        such a lattice.

    Raises
    ------
    DataError
        `spots` has no such columns, or a length, the angle or the tolerance is impossible.

    Notes
    -----
    True places are :math:`x' = s_x x + q\,y`, :math:`y' = s_y y`; a spot with indices hk is at
    :math:`A^T R\, (h a^* + k b^*)`, with that matrix A and a rotation R. Of all ways to index two
    strong spots within the tolerance, the one that explains most of the rest is fitted by
    least squares to all that lie within 3 % of it. Of ways that symmetry makes equal, the
    one with the least skew and rotation is taken.

    Examples
    --------
    >>> import omniscopy as om
    >>> spots = om.image.find_fourier_spots(om.samples.atom_image())
    >>> round(float(om.image.fit_calibration(spots, 0.40)["scale_x"]), 3)
    1.025
    """
    for name, value in (("a", a), ("b", a if b is None else b)):
        if not (np.isfinite(value) and value > 0):
            message = f"{name} must be above 0, got {value!r}"
            raise DataError(message)
    if not 0 < angle < 180 or not 0 < tolerance < 0.5:
        message = f"angle must be 0 to 180 and tolerance 0 to 0.5, got {angle!r}, {tolerance!r}"
        raise DataError(message)
    missing = not isinstance(spots, xr.Dataset) or any(
        name not in spots or "peak" not in spots[name].dims for name in dims
    )
    if missing:
        message = f"spots must be a Dataset with {dims} along 'peak', as `find_fourier_spots` makes"
        raise DataError(message)
    for name in dims:
        require_real(spots[name])
    own = reciprocal(units) if units is not None else spots[dims[0]].attrs.get("units")
    columns = [in_units(spots[name], own) for name in dims]
    spread = [f"{name}_std" for name in dims]
    known = all(name in spots for name in spread)
    columns += [
        in_units(spots[name], own) if known else xr.ones_like(columns[0]) for name in spread
    ]
    strength = next((spots[n] for n in ("amplitude", "intensity") if n in spots), None)
    columns.append(xr.ones_like(columns[0]) if strength is None else strength)
    columns = [each.drop_vars("peak", errors="ignore") for each in columns]
    vectors = reciprocal_vectors(a, a if b is None else b, angle)
    lattice = _Lattice(vectors, tolerance, known)
    found = map_signal(
        lattice.run, columns[0], dim="peak", also=columns[1:],
        output_dims=[{"parameter": _COUNT}] * 2 + [{}] * 3,
        dtypes=[np.float64] * 3 + [np.int64, np.uint8],
    )  # fmt: skip
    stated = {}
    for number, (name, unit) in enumerate(zip(_PARAMETERS, ("1", "1", "1", "deg"), strict=True)):
        for suffix, values in (("", found[0]), ("_std", found[1])):
            stated[name + suffix] = (values.isel(parameter=number), unit)
    return result(
        None, **stated, residual=(found[2], "1"), spots=(found[3], "1"), status=(found[4], "1")
    )


@operation(lazy=False, example={"image": "atom_image", "calibration": "scale_calibration"})
def correct_scale(
    image: xr.DataArray,
    calibration: xr.Dataset,
    *,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    """Give an image or a pattern the coordinates that a calibration found.

    Parameters
    ----------
    image : DataArray, shape (..., y, x) or (..., ky, kx), any units
        Lazy or in memory.
    calibration : Dataset, shape ()
        ``scale_y`` and ``scale_x`` from `fit_calibration`, of this image or of another one with
        the same settings.
    dims : (str, str)
        The dimensions of the images; the last two spatial, or reciprocal, ones otherwise.

    Returns
    -------
    DataArray, shape and units of `image`
        Coordinates are multiplied by the scales (reciprocal ones divided), about their zero;
        values stay where they are, and so does the skew.

    Raises
    ------
    DataError
        `calibration` holds no scales, more than one, or none that is a number.

    Notes
    -----
    :math:`x' = s_x x`, and :math:`k_x' = k_x / s_x` of a pattern.

    Examples
    --------
    >>> import omniscopy as om
    >>> image = om.samples.atom_image()
    >>> found = om.image.fit_calibration(om.image.find_fourier_spots(image), 0.40)
    >>> round(float(om.image.correct_scale(image, found)["x"][1]), 3)
    0.041
    """
    dims = require_any_plane(image, dims)
    names = ("scale_y", "scale_x")
    if not isinstance(calibration, xr.Dataset) or not {*names} <= {*calibration.data_vars}:
        message = f"calibration must be a Dataset with {names} from `fit_calibration`"
        raise DataError(message)
    if calibration["scale_y"].ndim:
        message = (
            f"calibration has dimensions {calibration['scale_y'].dims}, coordinates have one "
            "scale; pick one, or take the mean"
        )
        raise DataError(message)
    made = like(image, image)
    for dim, name in zip(dims, names, strict=True):
        require_uniform(image, dim)
        scale = float(calibration[name])
        if not (np.isfinite(scale) and scale > 0):
            message = f"{name} is {scale}: the calibration found nothing"
            raise DataError(message)
        factor = 1 / scale if kind_of_dim(image, dim) == "reciprocal" else scale
        made = made.assign_coords({dim: (dim, image[dim].values * factor, image[dim].attrs)})
    return made


def reciprocal_vectors(a: float, b: float, angle: float) -> np.ndarray:
    """Return the reciprocal vectors as rows of (y, x), with a along +x and b towards +y."""
    turn = np.radians(angle)
    direct = np.array([[0.0, a], [b * np.sin(turn), b * np.cos(turn)]])
    return np.asarray(np.linalg.inv(direct).T)


def _multiplicity(indices: np.ndarray) -> int:
    """Return how many points of a lattice there are for each that these indices lead to."""
    first, second = np.triu_indices(len(indices), 1)
    minors = indices[first, 0] * indices[second, 1] - indices[first, 1] * indices[second, 0]
    return int(np.gcd.reduce(np.abs(np.rint(minors)).astype(np.int64), initial=0))


@dataclass(frozen=True)
class _Lattice:
    """What spots are compared with: reciprocal vectors as rows, and how far scales are off."""

    vectors: np.ndarray
    tolerance: float
    weighed: bool

    def run(
        self, ky: np.ndarray, kx: np.ndarray, ky_std: np.ndarray, kx_std: np.ndarray,
        strength: np.ndarray,
    ) -> tuple[np.ndarray, ...]:  # fmt: skip
        """Return parameters, their spread, residual, number of spots and status of each table."""
        outer = ky.shape[:-1]
        found, spread = np.full((*outer, _COUNT), np.nan), np.full((*outer, _COUNT), np.nan)
        residual, count = np.full(outer, np.nan), np.zeros(outer, dtype=np.int64)
        status = np.full(outer, Status.NO_DATA, dtype=np.uint8)
        for place in np.ndindex(*outer):
            spots = np.stack([ky[place], kx[place]], axis=-1)
            there = np.isfinite(spots).all(axis=-1) & (np.abs(spots).sum(axis=-1) > 0)
            if there.sum() < 2:
                continue
            heights = np.where(np.isfinite(strength[place]), strength[place], 0.0)[there]
            scatter = np.stack([ky_std[place], kx_std[place]], axis=-1)[there]
            fitted = self.fitted(spots[there], scatter, heights)
            status[place] = Status.INVALID if fitted is None else Status.CONVERGED
            if fitted is not None:
                found[place], spread[place], residual[place], count[place] = fitted
        return found, spread, residual, count, status

    def fitted(
        self, spots: np.ndarray, scatter: np.ndarray, heights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, float, int] | None:
        """Return parameters, their spread, the residual and how many spots fit."""
        start = self.indexed(spots, heights)
        if start is None:
            return None
        matrix = start
        inside = np.ones(len(spots), dtype=bool)
        indices = np.zeros_like(spots)
        good = np.isfinite(scatter).all(axis=1) & (scatter > 0).all(axis=1)
        errors = np.where(good[:, None], scatter, np.median(scatter[good]) if good.any() else 1.0)
        cov = np.zeros((2, 2, 2))
        for _ in range(5):
            indices, inside = self.belonging(spots, matrix)
            if np.linalg.matrix_rank(indices[inside]) < 2:
                return None
            for axis in (0, 1):
                weight = 1 / errors[inside, axis] ** 2
                normal = indices[inside].T @ (weight[:, None] * indices[inside])
                cov[axis] = np.linalg.inv(normal)
                matrix[:, axis] = cov[axis] @ (indices[inside].T @ (weight * spots[inside, axis]))
        away = spots[inside] - indices[inside] @ matrix
        relative = np.linalg.norm(away, axis=1) / np.linalg.norm(spots[inside], axis=1)
        free = 2 * inside.sum() - _COUNT
        # Spots may scatter by more than noise: distortions count too. Nothing else tells how
        # much where they have no deviations.
        excess = (away**2 / errors[inside] ** 2).sum() / free if free > 0 else np.nan
        excess = np.fmax(excess, 1.0) if self.weighed else excess
        values = self.parameters(matrix)
        slopes = np.empty((2, 2, _COUNT))
        for i, j in np.ndindex(2, 2):
            step = 1e-6 * np.abs(matrix).max()
            moved = matrix.copy()
            moved[i, j] += step
            slopes[i, j] = (self.parameters(moved) - values) / step
        variance = np.einsum("iap,aij,jap->p", slopes, cov, slopes)
        spread = np.sqrt(variance * excess)
        return values, spread, float(np.sqrt(np.mean(relative**2))), int(inside.sum())

    def indexed(self, spots: np.ndarray, heights: np.ndarray) -> np.ndarray | None:
        """Return vectors of the lattice as they are seen, that explain most of the spots."""
        order = np.argsort(-heights, kind="stable")[:_SPOTS]
        indices = [
            np.array(each, dtype=np.float64)
            for each in itertools.product(range(-_HIGHEST, _HIGHEST + 1), repeat=2)
            if any(each)
        ]
        ideal = np.array(indices) @ self.vectors
        sizes = np.linalg.norm(ideal, axis=1)
        best: tuple[float, float] | None = None
        kept = None
        near = [
            np.flatnonzero(np.abs(np.linalg.norm(spots[n]) / sizes - 1) < self.tolerance)
            for n in order
        ]
        for (p, first), (q, second) in itertools.combinations(list(enumerate(order)), 2):
            pair = np.stack([spots[first], spots[second]])
            if abs(np.linalg.det(pair)) < 0.1 * np.prod(np.linalg.norm(pair, axis=1)):
                continue
            for i, j in itertools.product(near[p], near[q]):
                own = np.stack([indices[i], indices[j]])
                if abs(np.linalg.det(own)) < 0.5:
                    continue
                matrix = np.linalg.solve(own, pair)
                values = self.parameters(matrix)
                off = np.abs([values[0] - 1, values[1] - 1, values[2]])
                if off.max() > self.tolerance or not np.isfinite(values).all():
                    continue
                inside, there = self.belonging(spots, matrix)
                if _multiplicity(inside[there]) > _MULTIPLE:
                    continue
                score = float(heights[there].sum())
                # Of equal ones: the least distorted, then the least rotated.
                cost = float(off.max() + 1e-4 * abs(values[3]))
                high = 1e-6 * float(heights.sum())
                if (
                    best is None
                    or score > best[0] + high
                    or (score > best[0] - high and cost < best[1])
                ):
                    best, kept = (score, cost), matrix
        enough = best is not None and best[0] >= _EXPLAINED * float(heights.sum())
        return kept if enough else None

    def belonging(self, spots: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices of spots, and which of them lie on the lattice."""
        indices = np.rint(spots @ np.linalg.inv(matrix))
        away = np.linalg.norm(spots - indices @ matrix, axis=1)
        size = np.linalg.norm(spots, axis=1)
        shortest = np.linalg.norm(matrix, axis=1).min()
        return indices, (away < _NEAR * np.maximum(size, shortest)) & indices.any(axis=1)

    def parameters(self, matrix: np.ndarray) -> np.ndarray:
        """Return scales, skew and rotation of vectors that are rows of (y, x)."""
        # Phases stay: g' A p = g p. So rows g are g' A, with A = [[s_y, 0], [q, s_x]] for places
        # as columns (y, x), and rows g' those of the lattice times a rotation Q: g'^-1 g = Q A.
        turned = np.linalg.solve(self.vectors, matrix)
        scale_x = np.hypot(turned[0, 1], turned[1, 1])
        sine, cosine = turned[0, 1] / scale_x, turned[1, 1] / scale_x
        scale_y = turned[0, 0] * cosine - turned[1, 0] * sine
        skew = turned[0, 0] * sine + turned[1, 0] * cosine
        return np.array([scale_y, scale_x, skew, -np.degrees(np.arctan2(sine, cosine))])
