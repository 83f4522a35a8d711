"""The lattice of the discs of every pattern."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal, read_again
from omniscopy.compute.threads import share_work
from omniscopy.diffraction.lattices.lattice_kernel import fit_lattices
from omniscopy.diffraction.lattices.medians import median_over
from omniscopy.diffraction.lattices.vectors import difference_map, vectors_of
from omniscopy.model import (
    DataError,
    Status,
    coordinate,
    dims_of_kind,
    operation,
    require_choice,
    result,
)

Weights = Literal["std", "intensity", "none"]
Vector = tuple[float, float]
PEAK = "peak"
_BATCH = 256
_LATTICE = ("a_ky", "a_kx", "b_ky", "b_kx", "origin_ky", "origin_kx")
_SCALARS = (
    *_LATTICE, *(f"{name}_std" for name in _LATTICE), "length_a", "length_b", "angle",
    "correlation_ab", "residual",
)  # fmt: skip


@operation(example={"discs": "nanobeam_discs"})
def fit_lattice(
    discs: xr.Dataset,
    *,
    vectors: tuple[Vector, Vector] | None = None,
    centre: Vector | None = None,
    weights: Weights | None = None,
) -> xr.Dataset:
    r"""Fit a lattice to the discs of every pattern.

    Parameters
    ----------
    discs : Dataset, shape (..., peak)
        ``ky`` and ``kx`` of `find_discs`, with ``ky_std``, ``kx_std`` and ``intensity`` where
        there are any; lazy or in memory.
    vectors : ((ky, kx), (ky, kx)), units of the positions
        About what the two vectors are. Otherwise the shortest two by which many discs of a
        pattern differ, in all of the scan.
    centre : (ky, kx), units of the positions
        The origin is the site that is nearest to this; that of the brightest disc otherwise, in
        the median of the scan.
    weights : {"std", "intensity", "none"}
        By what squared residuals are weighted: the inverse variance of positions, the
        intensity, or nothing; the first of them that is known otherwise.

    Returns
    -------
    Dataset, shape (..., peak)
        The vectors ``a_ky``, ``a_kx`` (nearest to +kx), ``b_ky``, ``b_kx``, and ``origin_ky``,
        ``origin_kx``, units of the positions, each with ``_std``; ``length_a``, ``length_b`` and
        their ``angle`` in degrees; ``correlation_ab`` of the errors of the two vectors;
        ``residual``, the weighted root mean square of the distances from sites. Of each disc
        ``index_a`` and ``index_b``, NaN for those on no site. ``count`` of discs that are on one,
        and ``status``: 4 (no data) without discs, 2 (singular) where they do not span a plane,
        5 (invalid) where no lattice was found or most discs are on none. NaN for all of these.

    Raises
    ------
    DataError
        `discs` are no table of positions, or the field of view of lazy ones is not known.

    Notes
    -----
    Weighted least squares of :math:`k = k_0 + h a + l b`, from the brightest disc outwards.
    Standard deviations follow from the scatter of the discs about the lattice. How often discs of
    a pattern differ by a vector does not depend on where the pattern is, so that neither a scan
    that moves it nor a few wrong discs matter.

    The fit over all discs is that of [1]_.

    References
    ----------
    .. [1] B. H. Savitzky et al., *Microsc. Microanal.* 27, 712 (2021).

    Examples
    --------
    >>> import omniscopy as om
    >>> lattice = om.diffraction.fit_lattice(om.samples.nanobeam_discs())
    >>> round(float(lattice["length_a"][0, 0]), 1), round(float(lattice["length_b"][0, 0]), 1)
    (3.9, 3.6)
    """
    units = require_discs(discs)
    if weights is not None:
        require_choice("weights", weights, get_args(Weights))
    given = _known(discs, weights)
    over = scan_of_discs(discs)
    middle = _centre(discs, over, centre)
    if vectors is None:
        cells = _cells(*_differences(discs, over))
    else:
        cells = xr.DataArray(np.array(vectors, dtype=np.float64), dims=_CELL)
        if cells.shape != (2, 2) or abs(np.linalg.det(cells)) < 1e-3 * np.hypot(*cells.T).prod():
            message = f"vectors must be two (ky, kx) that are not parallel, got {vectors!r}"
            raise DataError(message)
    fitter = _Fitter(tuple(given))
    # Of lazy patterns, discs are found again: those of a large scan would fill the memory.
    columns = read_again(discs[["ky", "kx", *given]], cells, *middle)
    also = [*(columns[name] for name in ("kx", *given)), cells, *middle]
    also = [each.drop_vars(list(each.coords)).drop_attrs() for each in also]
    peaks = discs.sizes[PEAK]
    made = map_signal(
        fitter.run, columns["ky"], dim=PEAK, also=also, whole=_CELL,
        output_dims=[{}] * len(_SCALARS) + [{PEAK: peaks}] * 2 + [{}, {}],
        dtypes=[np.float64] * (len(_SCALARS) + 2) + [np.int64, np.uint8],
    )  # fmt: skip
    names = (*_SCALARS, "index_a", "index_b", "count", "status")
    plain = {"angle": "deg", "correlation_ab": "1", "index_a": "1", "index_b": "1"}
    found = result(
        None,
        **{
            name: (values, plain.get(name, "1" if name in ("count", "status") else units))
            for name, values in zip(names, made, strict=True)
        },
    )
    label = coordinate(PEAK, np.arange(peaks), "1")
    return found.assign_coords({PEAK: discs.coords.get(PEAK, label)})


_PLANE, _CELL = ("ky_difference", "kx_difference"), ("cell_vector", "cell_axis")


def require_discs(discs: xr.Dataset) -> str | None:
    """Return the units of the positions of discs; raise where they are no table of them."""
    if not isinstance(discs, xr.Dataset) or not {"ky", "kx"} <= {*discs.variables}:
        message = (
            "expected a Dataset with ky and kx along 'peak', such as `find_discs` returns, got "
            f"{type(discs).__name__}"
        )
        raise DataError(message)
    if any(PEAK not in discs[name].dims for name in ("ky", "kx")):
        message = f"positions of discs must be along {PEAK!r}, got {discs['ky'].dims}"
        raise DataError(message)
    units = discs["ky"].attrs.get("units")
    if units != discs["kx"].attrs.get("units"):
        message = (
            f"'ky' and 'kx' must have the same units, got {units!r} and "
            f"{discs['kx'].attrs.get('units')!r}"
        )
        raise DataError(message)
    return units


def _known(discs: xr.Dataset, weights: Weights | None) -> list[str]:
    """Return the variables that weights are made of, best first."""
    wanted = {"std": ["ky_std", "kx_std"], "intensity": ["intensity"], "none": []}
    names = [*wanted["std"], *wanted["intensity"]] if weights is None else wanted[weights]
    missing = [name for name in names if name not in discs]
    if missing and weights is not None:
        message = f"weights={weights!r} need {wanted[weights]}, the table has not {missing}"
        raise DataError(message)
    return [name for name in names if name not in missing]


def scan_of_discs(discs: xr.Dataset) -> list[str]:
    """Return the dimensions of the scan that a table of discs is of."""
    others = [str(dim) for dim in discs["ky"].dims if dim != PEAK]
    return [dim for dim in dims_of_kind(discs["ky"], "spatial", "point") if dim in others] or others


def _centre(
    discs: xr.Dataset, over: Sequence[str], centre: Vector | None
) -> tuple[xr.DataArray, xr.DataArray]:
    if centre is not None:
        return xr.DataArray(float(centre[0])), xr.DataArray(float(centre[1]))
    if discs.sizes[PEAK] == 0:
        return xr.DataArray(np.nan), xr.DataArray(np.nan)
    strong = discs.isel({PEAK: 0}, drop=True)
    if "intensity" in discs and discs["intensity"].chunks is None:
        best = discs["intensity"].fillna(-np.inf).argmax(PEAK)
        strong = discs.isel({PEAK: best})
    ky, kx = (median_over(_apart(strong[name]), over) for name in ("ky", "kx"))
    return ky, kx


def _apart(values: xr.DataArray) -> xr.DataArray:
    """Return lazy values in memory of their own: a part of an array would keep all of it."""
    if values.chunks is None:
        return values
    return values.copy(data=values.data.map_blocks(np.array, dtype=values.dtype))


def _differences(discs: xr.Dataset, over: Sequence[str]) -> tuple[xr.DataArray, np.ndarray]:
    """Return how often discs differ by each vector, and the size of its bins."""
    field = field_of(discs)
    bins = np.array([abs(step) / 2 for _, _, step in field])
    shape = tuple(
        2 * int(np.ceil(abs(last - first) / size)) + 1
        for (first, last, _), size in zip(field, bins, strict=True)
    )
    kept = [str(dim) for dim in discs["ky"].dims if dim not in (*over, PEAK)]
    places = xr.concat([discs["ky"], discs["kx"]], "axis", coords="minimal", compat="override")
    places = places.drop_vars(list(places.coords)).transpose(*kept, *over, PEAK, "axis")
    count, total = len(kept), len(kept) + len(over)

    def mapped(block: np.ndarray) -> np.ndarray:
        made = np.zeros((*block.shape[:count], *(1,) * len(over), *shape))
        for place in np.ndindex(*block.shape[:count]):
            points = block[place].reshape(int(np.prod(block.shape[count:-2])), *block.shape[-2:])
            made[place] = difference_map(points, (shape[0], shape[1]), bins)
        return made

    if places.chunks is None:
        values: Any = mapped(np.asarray(places.values, np.float64))
    else:
        whole = places.data.rechunk({total: -1, total + 1: -1})
        chunks = (
            *whole.chunks[:count], *((1,) * len(each) for each in whole.chunks[count:total]),
            *((size,) for size in shape),
        )  # fmt: skip
        values = whole.map_blocks(
            mapped, dtype=np.float64, chunks=chunks, meta=np.empty((0,) * (total + 2))
        )
    values = values.sum(axis=tuple(range(count, total)))
    return xr.DataArray(values, dims=(*kept, *_PLANE)).rename(None), bins


def _cells(differences: xr.DataArray, bins: np.ndarray) -> xr.DataArray:
    """Return the two vectors that each map of differences shows, NaN where there are none."""

    def found(maps: np.ndarray) -> np.ndarray:
        cells = np.full((*maps.shape[:-2], 2, 2), np.nan)
        for place in np.ndindex(*maps.shape[:-2]):
            vectors = vectors_of(maps[place], bins)
            if vectors is not None:
                cells[place] = vectors
        return cells

    output = [dict.fromkeys(_CELL, 2)]
    return map_signal(found, differences, dim=_PLANE, output_dims=output)[0]


def field_of(discs: xr.Dataset) -> list[tuple[float, float, float]]:
    """Return first and last place of the patterns and their step, along ky and kx."""
    metadata = discs.attrs.get("metadata")
    known = metadata.get("field") if isinstance(metadata, dict) else None
    if isinstance(known, dict) and {"ky", "kx"} <= {*known}:
        return [tuple(float(each) for each in known[name]) for name in ("ky", "kx")]  # type: ignore[misc]
    if discs["ky"].chunks is not None:
        message = (
            "the table does not say how large the patterns were: pass vectors=, or discs as "
            "`find_discs` returns them"
        )
        raise DataError(message)
    made = []
    for name in ("ky", "kx"):
        values = np.asarray(discs[name].values, np.float64)
        values = values[np.isfinite(values)]
        low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
        made.append((float(low), float(high), float(max(high - low, 1e-12)) / 128))
    return made


@dataclass(frozen=True)
class _Fitter:
    """How lattices are fitted to the discs of a block; `given` are what weights are made of."""

    given: tuple[str, ...]

    def run(self, ky: np.ndarray, kx: np.ndarray, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the columns of every pattern."""
        outer = np.broadcast_shapes(ky.shape[:-1], kx.shape[:-1])
        count = len(self.given)
        given = dict(zip(self.given, arrays[:count], strict=True))
        cells, centre_y, centre_x = arrays[count:]
        shape = (*outer, ky.shape[-1])
        points = np.stack([np.broadcast_to(each, shape) for each in (ky, kx)], -1)
        points = points.astype(np.float64)
        weights = self._weights(
            {name: np.broadcast_to(each, shape) for name, each in given.items()}, shape
        )
        cells = cells.reshape((1,) * (len(outer) + 2 - cells.ndim) + cells.shape)
        cells = np.broadcast_to(cells, (*outer, 2, 2))
        centres = np.stack(
            [np.broadcast_to(_leading(each, outer), outer) for each in (centre_y, centre_x)], -1
        )
        count = int(np.prod(outer))
        scalars = np.full((count, len(_SCALARS)), np.nan)
        index = np.full((count, shape[-1], 2), np.nan)
        used = np.zeros(count, np.int64)
        status = np.full(count, Status.NO_DATA, np.uint8)
        flat = [
            np.ascontiguousarray(points.reshape(count, shape[-1], 2)),
            np.ascontiguousarray(weights.reshape(count, shape[-1]), np.float64),
            np.ascontiguousarray(cells.reshape(count, 2, 2)),
            np.ascontiguousarray(centres.reshape(count, 2), np.float64),
        ]  # fmt: skip

        def work(begin: int) -> None:
            part = slice(begin, begin + _BATCH)
            fit_lattices(
                *(each[part] for each in flat), scalars[part], index[part], used[part], status[part]
            )

        share_work(work, range(0, count, _BATCH), title="Lattices")
        columns = [
            *scalars.T.reshape(len(_SCALARS), *outer),
            *np.moveaxis(index, -1, 0).reshape(2, *shape),
        ]
        return (*columns, used.reshape(outer), status.reshape(outer))

    def _weights(self, given: dict[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        """Return the weight of each disc, those of one pattern all of one kind."""
        weights = np.ones(shape)
        if "intensity" in given:
            bright = np.maximum(np.nan_to_num(given["intensity"].astype(np.float64)), 0.0)
            weights = np.where((bright > 0).any(axis=-1, keepdims=True), bright, 1.0)
        if "ky_std" in given:
            variance = (
                given["ky_std"].astype(np.float64) ** 2 + given["kx_std"].astype(np.float64) ** 2
            )
            sure = np.isfinite(variance) & (variance > 0)
            own = np.where(sure, 1 / np.where(sure, variance, 1.0), 0.0)
            weights = np.where(sure.any(axis=-1, keepdims=True), own, weights)
        return weights


def _leading(values: np.ndarray, outer: tuple[int, ...]) -> np.ndarray:
    return values.reshape((1,) * (len(outer) - values.ndim) + values.shape)
