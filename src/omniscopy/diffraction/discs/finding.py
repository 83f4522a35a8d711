"""Finding the discs of patterns."""

import functools
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal, read_again
from omniscopy.compute.native_threads import native_threads_held
from omniscopy.compute.threads import share_work
from omniscopy.diffraction.dead import without_dead
from omniscopy.diffraction.discs import disc_kernel as kernel
from omniscopy.diffraction.discs.correlation import (
    TRANSFORMS,
    Template,
    Transform,
    correlated,
    prepared,
    refined,
    variances_of_roots,
)
from omniscopy.diffraction.discs.templates import require_grid
from omniscopy.diffraction.lattices.vectors import difference_map, vectors_of
from omniscopy.diffraction.patterns import mean_pattern
from omniscopy.diffraction.reductions.reading import scan_of
from omniscopy.diffraction.reductions.wanted import COUNTS
from omniscopy.model import (
    DataError,
    Status,
    conversion_factor,
    coordinate,
    is_unit,
    operation,
    require_choice,
    require_plane,
    require_uniform,
    result,
    units_of,
)

Search = Literal["everywhere", "lattice"]
Subpixel = Literal["dft", "parabola"]
# Patterns that are worked on at once: they stay in the cache of a core, and the memory for them
# is not given back to the system in between.
_BATCH = 8
_CANDIDATES = 512
_NOT_MOVED = np.zeros((0, 0, 5, 0, 0), np.float32)
# Of a lattice in pixels: the brightest disc and the two vectors, along y and x.
_LATTICE = ("lattice_row", "lattice_axis")
_NAMES = ("ky", "kx", "ky_std", "kx_std", "intensity", "correlation")


@operation(example={"data": "nanobeam_4d", "template": "nanobeam_template", "max_discs": 12})
def find_discs(  # noqa: PLR0913 - what is looked for, how, and what counts
    data: xr.DataArray,
    template: xr.DataArray,
    *,
    search: Search = "everywhere",
    transform: Transform = "sqrt",
    power: float = 1.0,
    subpixel: Subpixel = "dft",
    min_correlation: float | None = None,
    min_height: float = 0.02,
    spacing: float | None = None,
    max_discs: int = 64,
    dead: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Find the discs of every pattern by their correlation with a template.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx)
        Lazy or in memory, on a uniform grid, of any real type.
    template : DataArray, shape (ky, kx)
        What `make_template` returned, with pixels as those of `data`.
    search : {"everywhere", "lattice"}
        Where discs are looked for: all over the pattern, or around the sites of the lattice
        that the mean pattern of the scan has. The latter is several times faster, finds weak
        discs beside strong ones, and reads `data` twice; it is for one crystal whose vectors
        change by less than a tenth.
    transform : {"sqrt", "none", "log"}
        Of the values beforehand. The root makes Poisson noise the same everywhere, so that
        weak discs count as they should.
    power : float, 0 to 1
        Of the magnitudes of the correlation in Fourier space: 1 the correlation, 0 that of
        phases alone, between them a hybrid. Below 1 only with a search everywhere.
    subpixel : {"dft", "parabola"}
        How the peak of a correlation is refined: on its trigonometric interpolation, the limit of
        an upsampled transform, or by a paraboloid through 3 by 3 pixels, as earlier packages
        do. The latter errs by up to a fiftieth of a pixel towards the nearest one, in all
        discs alike that lie on pixels alike.
    min_correlation : float
        Coefficient of the correlation of a disc with the template, at least; otherwise five
        standard deviations of what noise has.
    min_height : float
        Height of a correlation over that of the highest of the pattern, at least.
    spacing : float, units of the coordinates
        Of two discs that are found everywhere, the weaker one is left out where they are nearer
        than this; one and a half radii of the disc of the template otherwise.
    max_discs : int
        Only so many are returned, those with the highest correlation.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out, as of `find_dead_pixels`.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    Dataset, shape (..., peak)
        ``ky`` and ``kx`` in units of the coordinates, with ``_std`` for Poisson noise where
        `data` are in counts or electrons and `power` is 1 (else NaN); ``intensity`` of the
        disc over the background around it, units of `data`; and the coefficient of
        ``correlation`` with the template, 1 for a disc as it should be. The brightest first,
        NaN after the last one.
        ``count`` of discs, and ``status``: 4 (no data) where a pattern is empty or NaN, 5
        (invalid) where no disc was found, or no lattice in the mean pattern. Discs of which a
        part is beyond the edge are left out.

    Raises
    ------
    DataError
        The coordinates are not uniform or have different units, the template is larger than a
        pattern or has other pixels, or another `power` is asked of a search around sites.

    Notes
    -----
    :math:`C = F^{-1}[|M|^p e^{i \arg M}]` with :math:`M = F(D) F(T)^*` [1]_. Around sites, the
    correlation is summed for a few pixels only: first around the middle, then outwards, where
    each disc that is found makes the lattice of that pattern known better.

    References
    ----------
    .. [1] T. C. Pekin, C. Gammer, J. Ciston, A. M. Minor and C. Ophus, *Ultramicroscopy* 176,
       170 (2017).

    Examples
    --------
    >>> import omniscopy as om
    >>> discs = om.diffraction.find_discs(
    ...     om.samples.nanobeam_4d(), om.samples.nanobeam_template(), max_discs=12
    ... )
    >>> int(discs["count"].min())
    9
    """
    for name, choice, choices in (
        ("search", search, get_args(Search)), ("transform", transform, get_args(Transform)),
        ("subpixel", subpixel, get_args(Subpixel)),
    ):  # fmt: skip
        require_choice(name, choice, choices)
    if not 0 <= power <= 1:
        message = f"power must be from 0 (phases) to 1 (correlation), got {power!r}"
        raise DataError(message)
    if search == "lattice" and power != 1:
        message = "a search around the sites of a lattice has power=1"
        raise DataError(message)
    if max_discs < 1:
        message = f"max_discs must be at least 1, got {max_discs!r}"
        raise DataError(message)
    dims, steps = require_grid(data, dims, at_least=3)
    data = without_dead(data, dead, dims)
    fitted = _fitting(template, data, dims, steps)
    if spacing is not None and not spacing > 0:
        message = f"spacing must be above 0, in the units of the coordinates, got {spacing!r}"
        raise DataError(message)
    finder = _Finder(
        shape=(data.sizes[dims[0]], data.sizes[dims[1]]), steps=steps, search=search,
        transform=transform, power=float(power), subpixel=subpixel, least=min_correlation,
        height=float(min_height), spacing=spacing, most=int(max_discs),
        counted=data.attrs.get("units") in COUNTS and transform != "log" and power == 1,
        threads=None if data.chunks is None else 1,
        origin=tuple(float(data[dim][0]) for dim in dims),
        own=tuple(require_uniform(data, dim) for dim in dims),
    )  # fmt: skip
    also, whole = [fitted], [dim for dim in map(str, fitted.dims) if dim.endswith("_template")]
    patterns = data
    if search == "lattice":
        over = scan_of(data, dims)
        mean = mean_pattern(data, over) if over else data
        (lattice,) = map_signal(
            finder.lattices, mean, dim=dims, also=also, whole=whole,
            output_dims=[dict(zip(_LATTICE, (3, 2), strict=True))],
        )  # fmt: skip
        patterns = read_again(data, lattice)
        also.append(lattice)
        whole += _LATTICE
    found = map_signal(
        finder.run, patterns, dim=dims, also=also, whole=whole,
        output_dims=[{"peak": max_discs}] * len(_NAMES) + [{}, {}],
        dtypes=[np.float64] * len(_NAMES) + [np.int64, np.uint8],
    )  # fmt: skip
    columns = dict(zip((*_NAMES, "count", "status"), found, strict=True))
    along = units_of(data, dims[0])
    units = dict.fromkeys(_NAMES, along) | {
        "intensity": data.attrs.get("units"), "correlation": "1", "count": "1", "status": "1",
    }  # fmt: skip
    discs = result(None, **{name: (each, units[name]) for name, each in columns.items()})
    discs = discs.assign_coords(peak=coordinate("peak", np.arange(max_discs), "1"))
    extents = {
        dim: [float(data[dim][0]), float(data[dim][-1]), step]
        for dim, step in zip(dims, steps, strict=True)
    }
    metadata = data.attrs.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    field = {"ky": extents[dims[0]], "kx": extents[dims[1]]}
    discs.attrs["metadata"] = {**known, "field": field}
    single = data.ndim == 2 and data.chunks is None
    return discs.isel(peak=slice(min(int(discs["count"]), max_discs))) if single else discs


def _fitting(
    template: xr.DataArray, data: xr.DataArray, dims: tuple[str, str], steps: tuple[float, float]
) -> xr.DataArray:
    """Return a template on the pixels of the data, its dimensions renamed, after all checks."""
    own = require_plane(template, None, kind="reciprocal", at_least=3)
    kept = template.rename({dim: f"{dim}_template" for dim in own})
    for dim, mine, step in zip(dims, own, steps, strict=True):
        size, limit = template.sizes[mine], data.sizes[dim]
        if size % 2 == 0:
            message = f"a template has an odd number of pixels, got {size} along {mine!r}"
            raise DataError(message)
        if size > limit:
            message = (
                f"the template has {size} pixels along {mine!r}, the patterns have {limit}: the "
                "radius of the disc is too large for the detector"
            )
            raise DataError(message)
        found, wanted = units_of(template, mine), units_of(data, dim)
        factor = 1.0
        if found != wanted:
            if not (is_unit(found) and is_unit(wanted)):
                message = f"the template is in {found!r} along {mine!r}, the patterns {wanted!r}"
                raise DataError(message)
            factor = conversion_factor(str(found), str(wanted))
        pixel = require_uniform(template, mine) * factor
        if abs(abs(pixel) - step) > 0.01 * step:
            message = (
                f"the pixels of the template are {abs(pixel):.4g} {wanted or ''} along {mine!r}, "
                f"those of the patterns {step:.4g}: make it of these patterns"
            )
            raise DataError(message)
        if pixel * require_uniform(data, dim) < 0:
            kept = kept.isel({f"{mine}_template": slice(None, None, -1)})
    names = [f"{dim}_template" for dim in own]
    return kept.drop_vars(names)


@dataclass(frozen=True)
class _Finder:
    """What is looked for in patterns of a `shape`, in pixels of size `steps`."""

    shape: tuple[int, int]
    steps: tuple[float, float]
    search: Search
    transform: Transform
    power: float
    subpixel: Subpixel
    least: float | None
    height: float
    spacing: float | None
    most: int
    counted: bool
    threads: int | None
    origin: tuple[float, ...]
    own: tuple[float, ...]

    def lattices(self, means: np.ndarray, template: np.ndarray) -> np.ndarray:
        """Return the lattice of each mean pattern, shape (..., 3, 2): a disc and two vectors."""
        outer = np.broadcast_shapes(means.shape[:-2], template.shape[:-2])
        found = np.full((*outer, 3, 2), np.nan)
        means, template = (
            np.broadcast_to(each, (*outer, *each.shape[-2:])) for each in (means, template)
        )
        for place in np.ndindex(*outer):
            mean, values = (np.asarray(each[place], np.float64) for each in (means, template))
            if np.isfinite(mean).any() and _is_template(values):
                found[place] = self._lattice(mean, Template(values))
        return found

    def run(
        self, block: np.ndarray, template: np.ndarray, lattice: np.ndarray | None = None
    ) -> tuple[np.ndarray, ...]:
        """Return the columns, the count and the status of every pattern."""
        outer = block.shape[:-2]
        columns = np.full((*outer, self.most, len(_NAMES)), np.nan)
        count = np.zeros(outer, dtype=np.int64)
        status = np.zeros(outer, dtype=np.uint8)
        others = [template] if lattice is None else [template, lattice]
        frame = [(1,) * (len(outer) - each.ndim + 2) + each.shape for each in others]
        shared = np.broadcast_shapes(*(each[:-2] for each in frame))
        for place in np.ndindex(*shared):
            part = tuple(
                slice(None) if size == 1 else slice(n, n + 1)
                for n, size in zip(place, shared, strict=True)
            )
            own = [
                each.reshape(size)[tuple(min(n, m - 1) for n, m in zip(place, size, strict=False))]
                for each, size in zip(others, frame, strict=True)
            ]
            patterns = block[part].reshape(-1, *self.shape)
            made = self.patterns(patterns, *own)
            shape = count[part].shape
            columns[part] = made[0].reshape(*shape, self.most, len(_NAMES))
            count[part], status[part] = made[1].reshape(shape), made[2].reshape(shape)
        return (*np.moveaxis(columns, -1, 0), count, status)

    def patterns(
        self, patterns: np.ndarray, template: np.ndarray, lattice: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what is found in a row of patterns with one template."""
        found = np.full((len(patterns), self.most, kernel.COLUMNS), np.nan)
        count = np.zeros(len(patterns), np.int64)
        known = np.ones(len(patterns), bool)
        values = np.asarray(template, np.float64)
        status = np.full(len(patterns), Status.INVALID, np.uint8)
        if not len(patterns):
            return found, count, status
        if not _is_template(values) or (lattice is not None and np.isnan(lattice).any()):
            return found, count, status
        own = Template(values)
        # The compiled search takes arrays that may be written to, in native order.
        native = patterns.astype(patterns.dtype.newbyteorder("="), copy=False)
        sites = None if lattice is None else self._sites(lattice[0], lattice[1:], own)

        def work(begin: int) -> None:
            part = slice(begin, begin + _BATCH)
            known[part] = self._batch(native[part], own, sites, found[part], count[part])

        whole = self.subpixel == "dft" and self.power != 1
        with native_threads_held() if whole else nullcontext():
            begins = range(0, len(patterns), _BATCH)
            share_work(work, begins, self.threads, title="Discs")
        return self._ordered(found, count, known)

    def _batch(
        self, patterns: np.ndarray, template: Template, sites: "_Sites | None",
        found: np.ndarray, count: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """Find the discs of a few patterns; return which of them hold anything."""
        padded, scales, known = prepared(patterns, template, self.transform)
        margin = np.array(template.reach) - 0.5
        least = template.significance if self.least is None else float(self.least)
        local = self.subpixel == "dft" and self.power == 1
        common = (
            template.bright, *template.used, template.sums,
            template.exact_slopes if local else template.slopes,
            template.moved if local else _NOT_MOVED, _roots(),
        )  # fmt: skip
        code, room = TRANSFORMS[self.transform], np.zeros((12, 4))
        if sites is None:
            maps, spectra = correlated(padded, template, self.shape, self.power)
            spacing = np.array(
                [1.5 * reach for reach in template.reach] if self.spacing is None
                else [self.spacing / step for step in self.steps]
            )  # fmt: skip
            kernel.find_peaks_of_maps(
                maps, padded, template.kernel, *common, margin, spacing, least, self.height,
                code, scales, self.counted, self._highest(maps, margin),
                np.zeros((_CANDIDATES, 3)), room, found, count,
            )  # fmt: skip
            if self.subpixel == "dft" and not local:
                wide = _whole_columns(self.shape[1], template)
                for n, peaks in enumerate(count):
                    found[n, :peaks, :2] = refined(spectra[n], wide, found[n, :peaks, :2])
        else:
            kernel.follow(
                padded, template.kernel, *common, sites.indices, sites.lattice, sites.halves,
                margin, least, code, scales, self.counted,
                sites.room, room, found, count,
            )  # fmt: skip
        return known & (padded.max(axis=(1, 2)) > 0)

    @staticmethod
    def _highest(maps: np.ndarray, margin: np.ndarray) -> np.ndarray:
        """Return the highest value of each map that is not at the edge."""
        y, x = (max(int(np.ceil(each)), 1) for each in margin)
        inside = maps[:, y : maps.shape[1] - y, x : maps.shape[2] - x]
        return np.asarray(inside.max(axis=(1, 2), initial=0.0), np.float64)

    def _lattice(self, mean: np.ndarray, template: Template) -> np.ndarray:
        """Return the brightest disc of the mean pattern and the vectors, NaN without a lattice."""
        found = np.full((1, max(self.most, 64), kernel.COLUMNS), np.nan)
        count = np.zeros(1, np.int64)
        self._batch(mean[None], template, None, found, count)
        points = found[:, : int(count[0]), :2]
        if points.shape[1] < 3:
            return np.full((3, 2), np.nan)
        bins = np.array([0.5, 0.5])
        shape = (2 * self.shape[0] + 1, 2 * self.shape[1] + 1)
        vectors = vectors_of(difference_map(points, shape, bins), bins)
        if vectors is None:
            return np.full((3, 2), np.nan)
        brightest = points[0, int(np.argmax(found[0, : int(count[0]), kernel.INTENSITY]))]
        return np.stack([brightest, *vectors])

    def _sites(self, brightest: np.ndarray, vectors: np.ndarray, template: Template) -> "_Sites":
        """Return the sites of a lattice on the detector."""
        reach = int(np.ceil(max(self.shape) / max(np.hypot(*vectors.T).min(), 1.0)))
        ladder = np.arange(-reach, reach + 1)
        indices = np.stack(np.meshgrid(ladder, ladder, indexing="ij"), -1).reshape(-1, 2)
        places = brightest + indices @ vectors
        margin = np.array(template.reach) - 1
        inside = ((places >= margin) & (places <= np.array(self.shape) - 1 - margin)).all(axis=1)
        indices = indices[inside]
        order = np.argsort(np.hypot(*(indices @ vectors).T), kind="stable")
        shortest = float(np.hypot(*vectors.T).min())
        halves = np.array([
            np.clip(round(0.4 * shortest), 2, 15), np.clip(round(0.2 * shortest), 2, 9),
            np.clip(round(0.12 * shortest), 2, 3),
        ]).astype(np.int64)  # fmt: skip
        limit = (min(self.shape) - 1) // 2
        return _Sites(
            np.ascontiguousarray(indices[order].astype(np.float64)),
            np.ascontiguousarray(np.concatenate([brightest[None], vectors])),
            np.minimum(halves, limit),
        )

    def _ordered(
        self, found: np.ndarray, count: np.ndarray, known: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return discs with the brightest first, in units of the coordinates, and the outcome."""
        beyond = np.arange(self.most) >= count[:, None]
        found[beyond] = np.nan
        order = np.argsort(
            np.where(beyond, np.inf, -found[..., kernel.INTENSITY]), axis=1, kind="stable"
        )
        found = np.take_along_axis(found, order[..., None], axis=1)
        for axis in (0, 1):
            found[..., axis] = self.origin[axis] + self.own[axis] * found[..., axis]
            found[..., 2 + axis] *= abs(self.own[axis])
        status = np.where(
            known, np.where(count > 0, Status.CONVERGED, Status.INVALID), Status.NO_DATA
        )
        found[~known] = np.nan
        return found, np.where(known, count, 0), status.astype(np.uint8)


def _is_template(values: np.ndarray) -> bool:
    return bool(np.isfinite(values).all() and values.max() > 0)


@dataclass(frozen=True)
class _Sites:
    """Where discs are predicted: indices, origin and vectors in pixels, halves of windows."""

    indices: np.ndarray
    lattice: np.ndarray
    halves: np.ndarray

    @property
    def room(self) -> np.ndarray:
        """Return room for the correlations of the largest window."""
        most = int(self.halves.max())
        return np.zeros((2 * most + 1, 2 * most + 8), np.float32)


def _whole_columns(columns: int, template: Template) -> int:
    from scipy import fft

    return int(fft.next_fast_len(columns + 2 * template.sides[1], real=True))


@functools.cache
def _roots() -> np.ndarray:
    return variances_of_roots()
