"""Images of one place that are far apart in angle, scale or contrast, matched by features."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.geometry.transforms import ORDERS, Interpolation, sampled
from omniscopy.image.registration.map_fits import (
    ENTRIES,
    Map,
    agreeing,
    fitted_map,
    identity_map,
)
from omniscopy.image.topography import Dims, like, require_image
from omniscopy.model import (
    DataError,
    Status,
    operation,
    require_choice,
    require_uniform,
    result,
    units_of,
)
from omniscopy.signal.decomposition.decomposing import seed_of
from omniscopy.signal.positions import require_same_places
from omniscopy.signal.precision import single_or_double

Method = Literal["sift", "orb"]
Model = Literal["shift", "rigid", "similarity", "affine"]
# A match is one if the next best is that much worse.
_RATIO = {"sift": 0.8, "orb": 0.85}
# Values are clipped to these percentiles: hot pixels are no scale.
_CLIPPED = (0.2, 99.8)
# Images with fewer pixels along a side are looked at on twice as many.
_LARGE = 768
_KEYPOINTS = 2000
# Places agree within this many pixels of the coarser image.
_NEAR = 2.0
# What agrees by chance is this many at most, beyond what a map needs.
_FEWEST = 5
_SCALARS = (
    *ENTRIES, *(f"{name}_std" for name in ENTRIES), "scale", "scale_std", "rotation",
    "rotation_std", "contrast", "residual",
)  # fmt: skip


@operation(example={"image": "turned_grains", "reference": "grainy_surface", "method": "orb"})
def match_features(
    image: xr.DataArray,
    reference: xr.DataArray,
    *,
    model: Model = "similarity",
    method: Method = "sift",
    max_residual: float | None = None,
    interpolation: Interpolation = "linear",
    rng: int | np.random.Generator | None = None,
    dims: Dims | None = None,
) -> xr.Dataset:
    r"""Find the map that brings every image onto a reference, by features that both show.

    For images that are far apart in angle, scale or contrast, or of other pixel sizes, where
    `register` finds no common correlation.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid.
    reference : DataArray, shape (..., y, x), any units
        One image, or one for each; on its own grid, in the units of length of `image`.
    model : {"shift", "rigid", "similarity", "affine"}
        What an image may be: shifted; turned too; of another scale too; or sheared and stretched.
    method : {"sift", "orb"}
        SIFT finds features of any scale and places them well; ORB is several times faster and
        for scales that differ by less than two.
    max_residual : float, units of the coordinates
        How far from each other two features of one place may be on the reference; two pixels of
        the coarser image otherwise.
    interpolation : {"linear", "nearest", "cubic"}
        How values of ``registered`` are found between pixels.
    rng : int or Generator
        Seed of the choices of features.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (...) and (..., y, x)
        ``matrix_yy``, ``matrix_yx``, ``matrix_xy``, ``matrix_xx`` and ``offset_y``, ``offset_x``
        (units of the coordinates) are what `transform` takes: the place r from the middle of the
        image lies on the reference at the middle of the image plus matrix r plus offset.
        ``rotation`` in degrees from +x towards +y and ``scale`` are parts of that matrix, the root
        of its determinant; all with ``_std``. ``contrast`` is -1 where dark in the image is bright
        in the reference, otherwise 1. ``matches`` and ``residual``: how many features agree, and
        their rms distance. ``registered``: the image on the grid of the reference, NaN where it
        shows nothing. ``status``: 4 (no data) without a finite pixel, 5 (invalid) where fewer
        features agree than chance could make; results are NaN then.

    Raises
    ------
    DataError
        An image has less than 16 pixels along a side, the reference has other dimensions, the
        coordinates have different units, or a choice is not known.

    Notes
    -----
    Descriptors of SIFT [1]_ or ORB [2]_ (scikit-image) are matched both ways. Of maps through as
    few matches as make one, that with the most matches nearby is fitted to these by least squares
    [3]_. If too few agree, the negative of the image is tried.

    References
    ----------
    .. [1] D. G. Lowe, *Int. J. Comput. Vis.* 60, 91 (2004).
    .. [2] E. Rublee et al., *Proc. ICCV* 2011, 2564 (2011).
    .. [3] M. A. Fischler, R. C. Bolles, *Commun. ACM* 24, 381 (1981).

    Examples
    --------
    >>> import omniscopy as om
    >>> grains = om.samples.grainy_surface()
    >>> found = om.image.match_features(om.samples.turned_grains(), grains)
    >>> round(float(found["rotation"]))
    -40
    """
    dims = require_image(image, dims, at_least=16)
    for name, choice, known in (
        ("model", model, get_args(Model)), ("method", method, get_args(Method)),
        ("interpolation", interpolation, get_args(Interpolation)),
    ):  # fmt: skip
        require_choice(name, choice, known)
    _require_reference(reference, image, dims)
    grid, fixed = _grid_of(image, dims), _grid_of(reference, dims)
    near = _NEAR * float(np.abs([grid.steps, fixed.steps]).max())
    if max_residual is not None:
        if not 0 < max_residual < np.inf:
            message = (
                "max_residual must be above 0 and finite, in units of y and x, got "
                f"{max_residual!r}"
            )
            raise DataError(message)
        near = float(max_residual)
    task = _Matching(
        grid, fixed, model=model, method=method, near=near, order=ORDERS[interpolation],
        seed=seed_of(rng), kind=single_or_double(image.dtype),
    )  # fmt: skip
    own = [f"reference_{dim}" for dim in dims]
    other = reference.transpose(..., *dims).rename(dict(zip(dims, own, strict=True)))
    *scalars, matches, status, registered = map_signal(
        task.run, image, dim=dims, also=[other.drop_vars(own, errors="ignore")], whole=own,
        output_dims=[{}] * (len(_SCALARS) + 2)
        + [{name: reference.sizes[dim] for name, dim in zip(own, dims, strict=True)}],
        dtypes=[np.float64] * len(_SCALARS) + [np.int64, np.uint8, task.kind],
    )  # fmt: skip
    length = units_of(image, dims[0])
    units = {"offset": length, "residual": length, "rotation": "deg"}
    columns: dict[str, tuple[xr.DataArray, str | None]] = {
        name: (values, units.get(name.partition("_")[0], "1"))
        for name, values in zip(_SCALARS, scalars, strict=True)
    }
    placed = registered.drop_vars([n for n in registered.coords if {*dims} & {*registered[n].dims}])
    placed = placed.rename(dict(zip(own, dims, strict=True)))
    placed = placed.assign_coords({dim: reference.coords[dim].variable for dim in dims})
    made = result(
        None, **columns, matches=(matches, "1"), status=(status, "1"),
        registered=(placed, image.attrs.get("units")),
    )  # fmt: skip
    return made.assign(registered=like(made["registered"], image))


@dataclass(frozen=True)
class _Grid:
    """Where the pixels of an image are."""

    start: np.ndarray
    steps: np.ndarray
    shape: tuple[int, int]

    @property
    def middle(self) -> np.ndarray:
        """Return the place of the middle of the image."""
        return np.asarray(self.start + self.steps * (np.array(self.shape) - 1) / 2)


def _grid_of(image: xr.DataArray, dims: Dims) -> _Grid:
    start = np.array([float(image[dim][0]) for dim in dims])
    steps = np.array([require_uniform(image, dim) for dim in dims])
    return _Grid(start, steps, (image.sizes[dims[0]], image.sizes[dims[1]]))


def _require_reference(reference: xr.DataArray, image: xr.DataArray, dims: Dims) -> None:
    require_image(reference, dims, at_least=16)
    foreign = [str(dim) for dim in reference.dims if dim not in image.dims]
    if foreign:
        message = f"the reference has dimensions {foreign}, which the images have not; choose one"
        raise DataError(message)
    others = [str(dim) for dim in reference.dims if dim not in dims]
    require_same_places(reference, image, others, "the reference")
    units = [units_of(each, dim) for each in (image, reference) for dim in dims]
    if len({*units}) > 1:
        message = (
            f"coordinates {dims} of image and reference must have the same units, got {units}; "
            "convert them with `convert_units(data, units, dim=...)`"
        )
        raise DataError(message)


@dataclass(frozen=True)
class _Matching:
    """How images are compared with the reference."""

    grid: _Grid
    fixed: _Grid
    model: Model
    method: Method
    near: float
    order: int
    seed: int
    kind: np.dtype[Any]

    def run(self, block: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return scalars, how many features agree, status and images on the other grid."""
        outer = np.broadcast_shapes(block.shape[:-2], reference.shape[:-2])
        images = np.broadcast_to(block, (*outer, *block.shape[-2:]))
        others = np.broadcast_to(reference, (*outer, *reference.shape[-2:]))
        scalars = np.full((len(_SCALARS), *outer), np.nan)
        matches = np.zeros(outer, dtype=np.int64)
        status = np.full(outer, Status.NO_DATA, dtype=np.uint8)
        placed = np.full((*outer, *reference.shape[-2:]), np.nan, dtype=self.kind)
        known: tuple[np.ndarray, np.ndarray] | None = None
        for place in np.ndindex(*outer):
            image = np.asarray(images[place], dtype=np.float64)
            fixed = np.asarray(others[place], dtype=np.float64)
            if not (np.isfinite(image).any() and np.isfinite(fixed).any()):
                continue
            if known is None or reference.ndim > 2:
                known = self._features(fixed, self.fixed)
            found, matches[place], contrast = self._map(image, known)
            status[place] = Status.INVALID if found is None else Status.CONVERGED
            if found is None:
                continue
            scalars[(slice(None), *place)] = _numbers(found, contrast)
            placed[place] = self._placed(image, found)
        return (*scalars, matches, status, placed)

    def _map(
        self, image: np.ndarray, known: tuple[np.ndarray, np.ndarray]
    ) -> tuple[Map | None, int, float]:
        """Return the map of an image, how many features agree with it, and the contrast."""
        best: tuple[Map | None, int, float] = (None, 0, 1.0)
        for contrast in (1.0, -1.0):
            places, described = self._features(contrast * image, self.grid)
            pairs = _matched(described, known[1], self.method)
            start, end = places[pairs[:, 0]] - self.grid.middle, known[0][pairs[:, 1]]
            end = end - self.grid.middle
            agree = agreeing(start, end, self.model, self.near, self.seed)
            count = int(agree.sum())
            # By chance others lie nearby: each with the part of the image that is near.
            chance = np.pi * self.near**2 / np.prod(np.abs(self.fixed.steps) * self.fixed.shape)
            least = _FEWEST + identity_map(self.model).needs + 3 * chance * len(pairs)
            if count >= least and count > best[1]:
                best = (fitted_map(start[agree], end[agree], self.model), count, contrast)
            if best[0] is not None:
                break
        return best

    def _features(self, image: np.ndarray, grid: _Grid) -> tuple[np.ndarray, np.ndarray]:
        """Return places (features, 2), in units of the coordinates, and what describes them."""
        from scipy import ndimage
        from skimage.feature import ORB, SIFT

        known = np.isfinite(image)
        low, high = np.percentile(image[known], _CLIPPED)
        none = np.empty((0, 2)), np.empty((0, 1))
        if not high > low:
            return none
        values = np.clip((np.where(known, image, low) - low) / (high - low), 0, 1)
        if not known.all():
            nearest = ndimage.distance_transform_edt(
                ~known, return_distances=False, return_indices=True
            )
            values = values[tuple(nearest)]
        # Both directions ascend in steps of one length, so that a turn is one.
        back = grid.steps < 0
        values = np.flip(values, tuple(axis for axis in (0, 1) if back[axis]))
        fine = np.abs(grid.steps).min()
        zoom = np.abs(grid.steps) / fine
        if zoom.max() > 1.01:
            values = ndimage.zoom(values, zoom, order=1, grid_mode=True, mode="nearest")
        upsampling = 2 if max(values.shape) < _LARGE else 1
        finder: Any = SIFT if self.method == "sift" else ORB
        finder = finder(upsampling) if self.method == "sift" else finder(n_keypoints=_KEYPOINTS)
        try:
            finder.detect_and_extract(values)
        except (RuntimeError, ValueError):  # it found nothing
            return none
        found = finder.positions if self.method == "sift" else finder.keypoints
        found = np.asarray(found, dtype=np.float64)
        if self.method == "sift" and upsampling == 2:
            found = found - 0.25  # by which scikit-image displaces what it finds between pixels
        pixels = (found + 0.5) / zoom - 0.5
        pixels = np.where(back, np.array(image.shape) - 1 - pixels, pixels)
        near = np.clip(np.rint(pixels).astype(int), 0, np.array(image.shape) - 1)
        kept = known[tuple(near.T)]
        return grid.start + pixels[kept] * grid.steps, finder.descriptors[kept]

    def _placed(self, image: np.ndarray, found: Map) -> np.ndarray:
        """Return an image at the places of the reference."""
        index = np.indices(self.fixed.shape).reshape(2, -1).T
        places = self.fixed.start + index * self.fixed.steps - self.grid.middle - found.offset
        back = places @ np.linalg.inv(found.matrix).T + self.grid.middle
        pixels = ((back - self.grid.start) / self.grid.steps).T
        return sampled(image, pixels.reshape(2, *self.fixed.shape), self.order)


def _matched(one: np.ndarray, other: np.ndarray, method: Method) -> np.ndarray:
    """Return pairs of features that are each other's nearest, by a clear difference."""
    from skimage.feature import match_descriptors

    if not (len(one) > 1 and len(other) > 1):
        return np.empty((0, 2), dtype=int)
    made = match_descriptors(one, other, cross_check=True, max_ratio=_RATIO[method])  # type: ignore[no-untyped-call]
    return np.asarray(made)


def _numbers(found: Map, contrast: float) -> list[float]:
    """Return what is said of a map, in the order of the scalars."""
    (yy, yx), (xy, xx) = found.matrix
    scale = float(np.sqrt(abs(np.linalg.det(found.matrix))))
    # What is left of a polar decomposition: +x turns to (yx, xx), +y to (yy, xy).
    turn = np.arctan2(yx - xy, yy + xx)
    across, along = yx - xy, yy + xx
    square = across**2 + along**2
    of_turn = np.array([-across, along, -along, -across, 0, 0]) / square
    of_scale = np.array([xx, -xy, -yx, yy, 0, 0]) / (2 * scale)
    squares = [*np.diag(found.covariance), *(e @ found.covariance @ e for e in (of_scale, of_turn))]
    *stds, of_scale, of_turn = np.sqrt(np.maximum(squares, 0.0))  # of rounding, where it is below
    return [
        *found.entries, *stds, scale, of_scale, float(np.rad2deg(turn)), np.rad2deg(of_turn),
        contrast, found.residual,
    ]  # fmt: skip
