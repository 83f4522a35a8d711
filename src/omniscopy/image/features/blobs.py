"""Blobs of any size: maxima of the Laplacian of Gaussians, over places and widths."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.cleaning.filling import filled
from omniscopy.image.cleaning.image_noise import noise_of_image
from omniscopy.image.topography import require_image, steps_of
from omniscopy.model import (
    DataError,
    Status,
    coordinate,
    operation,
    require_choice,
    require_uniform,
    result,
    units_of,
)

Polarity = Literal["bright", "dark"]
_RATIO = 1.2
_FALSE_ALARM = 0.01
_COLUMNS = ("y", "x", "sigma", "amplitude", "y_std", "x_std", "sigma_std", "amplitude_std",
            "signal_to_noise")  # fmt: skip


@operation(example={"image": "atom_image", "max_blobs": 200})
def find_blobs(
    image: xr.DataArray,
    *,
    sigma_range: tuple[float, float] | None = None,
    polarity: Polarity = "bright",
    threshold: float | None = None,
    min_part: float = 0.1,
    max_blobs: int = 5000,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Find round blobs of different sizes in every image.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid.
    sigma_range : (low, high), units of the coordinates
        Standard deviations of blobs that are looked for; from a pixel to a twelfth of the
        shorter side of the image otherwise.
    polarity : {"bright", "dark"}
        Whether blobs are brighter or darker than what is around them.
    threshold : float
        Signal over noise of a blob, at least; otherwise what noise alone exceeds somewhere in 1
        of 100 images.
    min_part : float
        Strength of a blob over that of the strongest, at least.
    max_blobs : int
        Only the strongest are returned.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., peak)
        The strongest first: ``y`` and ``x``, ``sigma``, the standard deviation of a Gaussian, in
        units of the coordinates, and its ``amplitude`` above what is around (below it, for dark
        ones), each with ``_std``; ``radius``, that of a disc of the same strength, and
        ``signal_to_noise``. ``count`` before the limit, and ``status``: 4 (no data) for an image
        without a finite pixel. Of a single image in memory as many as there are; otherwise
        `max_blobs` with NaN after the last.

    Raises
    ------
    DataError
        The image has fewer than 5 pixels along a side, the range is not (low, high), or begins
        below half a pixel.

    Notes
    -----
    Maxima of :math:`L = -s^2 \nabla^2 (G_s * z)` over y, x and s [1]_. A Gaussian of amplitude A
    and width s has L = A / 2 there, white noise of standard deviation n a scatter of
    :math:`n \sqrt{a / 2 \pi} / s` (a the area of a pixel), from which the uncertainties follow:
    :math:`\sqrt{3 a / \pi}\, n / A` of a place, 1.2 times what a fit could do, and
    :math:`\sqrt{2 a / \pi}\, n / A` of a width. Blobs that touch pull each other closer and
    appear narrower; `atoms.refine_atoms` takes them apart.

    References
    ----------
    .. [1] T. Lindeberg, *Int. J. Comput. Vis.* 30, 79 (1998), section 5.

    Examples
    --------
    >>> import omniscopy as om
    >>> blobs = om.image.find_blobs(om.samples.atom_image())
    >>> round(float(blobs["sigma"].max()), 2)
    0.06
    """
    require_choice("polarity", polarity, get_args(Polarity))
    dims = require_image(image, dims, at_least=5)
    steps = steps_of(image, dims)
    low, high = sigma_range or (
        max(steps), max(min(image.sizes[d] * s for d, s in zip(dims, steps, strict=True)) / 12,
                        2 * max(steps)),
    )  # fmt: skip
    if not 0 < low <= high < np.inf:
        message = f"sigma_range {sigma_range} must be (low, high) with 0 < low <= high"
        raise DataError(message)
    if low < 0.5 * max(steps):
        message = f"sigma_range begins at {low:g}, less than half a pixel ({max(steps):g})"
        raise DataError(message)
    if not 0 <= min_part <= 1 or max_blobs < 1:
        message = f"min_part must be 0 to 1 and max_blobs 1 at least, got {min_part}, {max_blobs}"
        raise DataError(message)
    count = 1 + int(np.ceil(np.log(high / low) / np.log(_RATIO) - 1e-9))
    search = _Search(
        steps, np.geomspace(low, high, count), 1.0 if polarity == "bright" else -1.0, threshold,
        min_part, max_blobs,
    )  # fmt: skip
    found = map_signal(
        search.run, image, dim=dims, output_dims=[{"peak": max_blobs}] * len(_COLUMNS) + [{}, {}],
        dtypes=[np.float64] * len(_COLUMNS) + [np.int64, np.uint8],
    )  # fmt: skip
    columns = dict(zip((*_COLUMNS, "count", "status"), found, strict=True))
    units, values = units_of(image, dims[0]), image.attrs.get("units")
    variables = {}
    for dim, name, step in zip(dims, ("y", "x"), steps, strict=True):
        own = require_uniform(image, dim)
        variables[dim] = (float(image[dim][0]) + own * columns[name], units_of(image, dim))
        # Columns are in the units of the rows; those of x may be others.
        variables[f"{dim}_std"] = (abs(own) / step * columns[f"{name}_std"], units_of(image, dim))
    blobs = result(
        None, **variables,
        sigma=(columns["sigma"], units), sigma_std=(columns["sigma_std"], units),
        radius=(np.sqrt(2.0) * columns["sigma"], units),
        amplitude=(columns["amplitude"], values), amplitude_std=(columns["amplitude_std"], values),
        signal_to_noise=(columns["signal_to_noise"], "1"),
        count=(columns["count"], "1"), status=(columns["status"], "1"),
    )  # fmt: skip
    blobs = blobs.assign_coords(peak=coordinate("peak", np.arange(max_blobs), "1"))
    single = image.ndim == 2 and image.chunks is None
    return blobs.isel(peak=slice(min(int(blobs["count"]), max_blobs))) if single else blobs


@dataclass(frozen=True)
class _Search:
    """What is looked for in a block of images; lengths are in the units of the rows."""

    steps: tuple[float, float]
    sigmas: np.ndarray
    sign: float
    threshold: float | None
    min_part: float
    max_blobs: int

    def run(self, block: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the columns, the count and the status of every image."""
        outer = block.shape[:-2]
        columns = np.full((len(_COLUMNS), *outer, self.max_blobs), np.nan)
        count, status = np.zeros(outer, dtype=np.int64), np.zeros(outer, dtype=np.uint8)
        for place in np.ndindex(*outer):
            values = np.array(block[place], dtype=np.float64)
            used = np.isfinite(values)
            if not used.any():
                status[place] = Status.NO_DATA
                continue
            table = self.blobs_of(values, used)
            count[place] = len(table)
            table = table[: self.max_blobs]
            columns[(slice(None), *place, slice(len(table)))] = table.T
        return (*columns, count, status)

    def blobs_of(self, values: np.ndarray, used: np.ndarray) -> np.ndarray:
        """Return a row of columns for each blob, the strongest first."""
        from scipy.ndimage import label, maximum_filter

        noise = noise_of_image(values, used)
        noise = noise if np.isfinite(noise) else 0.0
        # Kernels end somewhere: what is even over the image would leave something of itself.
        space = self.scale_space(self.sign * filled(values - values[used].mean(), used))
        area = self.steps[0] * self.steps[1]
        scatter = noise * np.sqrt(area / (2 * np.pi)) / self.sigmas
        limit = self.threshold
        if limit is None:
            limit = np.sqrt(2 * np.log(values.size * len(self.sigmas) / _FALSE_ALARM))
        floor = np.maximum(limit * scatter, 1e-9 * np.abs(values[used]).max())
        top = space == maximum_filter(space, size=3, mode="nearest")
        top &= (space > floor[:, None, None]) & used
        strongest = space.max(where=top, initial=0.0)
        top &= space >= self.min_part * strongest
        # Where neighbours are equally high they are one blob, in their middle.
        number = label(top, np.ones((3, 3, 3)))[0][top]
        size = np.bincount(number)[1:]
        places = np.argwhere(top)[
            np.argsort(number, kind="stable")[np.cumsum(size) - size // 2 - 1]
        ]
        table = self.refined(space, places)
        table = self.apart(table[np.argsort(-table[:, 3], kind="stable")])
        y, x, sigma, strength = table.T
        amplitude = 2 * strength
        relative = noise * np.sqrt(area) / np.maximum(amplitude, 1e-300)
        place_std = np.sqrt(3 / np.pi) * relative
        own = noise * np.sqrt(area / (2 * np.pi)) / np.maximum(sigma, 1e-300)
        ratio = strength / np.where(own > 0, own, np.nan)
        sigma_std = np.sqrt(2 / np.pi) * relative
        rows_of = (y, x, sigma, amplitude, place_std, place_std, sigma_std, 2 * own, ratio)
        return np.stack(rows_of, axis=1)

    def scale_space(self, values: np.ndarray) -> np.ndarray:
        """Return L for each width, shape (width, y, x)."""
        from scipy.ndimage import gaussian_filter

        made = np.empty((len(self.sigmas), *values.shape))
        for level, sigma in zip(made, self.sigmas, strict=True):
            wide = [sigma / step for step in self.steps]
            for axis in (0, 1):
                order = [2 * (axis == 0), 2 * (axis == 1)]
                part = gaussian_filter(values, wide, order=order, mode="reflect")
                level[:] = -(wide[axis] ** 2) * part + (level if axis else 0.0)
        return made

    def refined(self, space: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return place, width and strength of maxima, by parabolas along each axis."""
        at = places.astype(np.float64)
        top = space[tuple(places.T)].copy()
        here = top.copy()
        for axis, size in enumerate(space.shape):
            inner = (places[:, axis] > 0) & (places[:, axis] < size - 1)
            aside = np.where(inner[:, None], np.eye(3, dtype=np.int64)[axis], 0)
            before, after = (space[tuple((places + step * aside).T)] for step in (-1, 1))
            bend = before - 2 * here + after
            bent = inner & (bend < 0)
            step = np.where(bent, 0.5 * (before - after) / np.where(bent, bend, -1.0), 0.0)
            step = np.clip(step, -0.5, 0.5)
            at[:, axis] += step
            top -= 0.25 * (before - after) * step
        ratio = self.sigmas[1] / self.sigmas[0] if len(self.sigmas) > 1 else 1.0
        return np.column_stack([at[:, 1:], self.sigmas[0] * ratio ** at[:, 0], top])

    def apart(self, table: np.ndarray) -> np.ndarray:
        """Return blobs without those that lie within a stronger one."""
        from scipy.spatial import cKDTree

        if len(table) < 2:
            return table
        places = table[:, :2] * self.steps
        kept = np.ones(len(table), dtype=bool)
        pairs = cKDTree(places).query_pairs(float(table[:, 2].max()), output_type="ndarray")
        for first, second in sorted(map(tuple, np.sort(pairs, axis=1).tolist())):
            distance = np.hypot(*(places[first] - places[second]))
            if kept[first] and distance < max(table[first, 2], table[second, 2]):
                kept[second] = False
        return table[kept]
