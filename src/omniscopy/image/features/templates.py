"""Where an image looks like a template."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.features.maxima import maxima_of, refined_maximum
from omniscopy.image.topography import (
    Dims,
    directions_of,
    listed_like,
    require_image,
    require_positive_length,
    steps_of,
)
from omniscopy.model import (
    DataError,
    Status,
    coordinate,
    labelled,
    operation,
    require_uniform,
    result,
    units_of,
)

# Variances below this part of the largest are rounding.
_FLAT = 1e-9
# Pixels that tell a part of one, at least, and steps to it.
_LEAST, _STEPS = 9, 20
_COLUMNS = ("y", "x", "score", "angle")


@operation(example={"image": "atom_image", "template": "atom_template"})
def template_match(
    image: xr.DataArray,
    template: xr.DataArray,
    *,
    threshold: float = 0.5,
    min_distance: float | None = None,
    angles: Sequence[float] = (0.0,),
    overlap: float = 0.5,
    max_peaks: int = 1000,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Find where every image looks like a template, by normalised cross-correlation.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid.
    template : DataArray, shape (..., y, x)
        With the steps of `image`, not flat; values that are not finite are no part of it.
    threshold : float
        Correlation of a match, at least: 1 where the image is the template times a number plus
        another one.
    min_distance : float, units of the coordinates
        Between two matches, at least; half of the shorter side of the template otherwise.
    angles : sequence of float, degrees
        By which the template is rotated, from +x towards +y (down in the image); the best of
        them counts.
    overlap : float
        Part of the template that must lie on known pixels of the image, at least.
    max_peaks : int
        Only the best ones are returned.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., peak)
        The best first: ``y`` and ``x`` of the middle of the template in the image, to a part of
        a pixel, ``score``, the correlation, and ``angle``. ``count`` before the limit, and
        ``status``: 4 (no data) where image or template have nothing finite. Of a single image
        in memory as many as there are; otherwise `max_peaks` with NaN after the last.

    Raises
    ------
    DataError
        The template has other steps than the image or is larger, `threshold` or `overlap` is
        not between 0 and 1, or there is no angle.

    Notes
    -----
    :math:`\frac{\sum (z - \bar z)(t - \bar t)}{\sqrt{\sum (z - \bar z)^2 \sum (t - \bar t)^2}}`,
    the sums and means at each place over the pixels that are known of both [1]_. Parts of a pixel
    by least squares of :math:`z(r + d) = a\,t(r) + b + p \cdot \nabla t(r)`, in which `d` moves by
    :math:`-p / a` until it stays; near gaps and edges by a quadratic through 3 by 3 correlations.

    References
    ----------
    .. [1] D. Padfield, *IEEE Trans. Image Process.* 21, 2706 (2012).

    Examples
    --------
    >>> import omniscopy as om
    >>> image = om.samples.atom_image()
    >>> found = om.image.template_match(image, om.samples.atom_template())
    >>> bool(found["score"].max() > 0.9)
    True
    """
    dims = require_image(image, dims)
    matching, blank = _matching(image, template, dims, angles, overlap)
    if not 0 <= threshold <= 1:
        message = f"threshold must be between 0 and 1, got {threshold!r}"
        raise DataError(message)
    if max_peaks < 1:
        message = f"max_peaks must be at least 1, got {max_peaks!r}"
        raise DataError(message)
    apart = min_distance
    if apart is None:
        sides = (blank.sizes[f"template_{dim}"] * step
                 for dim, step in zip(dims, np.abs(matching.steps), strict=True))  # fmt: skip
        apart = 0.5 * min(sides)
    apart = require_positive_length("min_distance", apart)
    found = map_signal(
        matching.peaks, image, dim=dims, also=[blank], whole=[f"template_{dim}" for dim in dims],
        output_dims=[{"peak": max_peaks}] * len(_COLUMNS) + [{}, {}],
        dtypes=[np.float64] * len(_COLUMNS) + [np.int64, np.uint8],
        parameters={"threshold": threshold, "apart": apart, "max_peaks": max_peaks},
    )  # fmt: skip
    columns = dict(zip((*_COLUMNS, "count", "status"), found, strict=True))
    offsets = {
        dim: (float(image[dim][0]), require_uniform(image, dim), units_of(image, dim))
        for dim in dims
    }
    places = {
        dim: (offsets[dim][0] + offsets[dim][1] * columns[name], offsets[dim][2])
        for dim, name in zip(dims, ("y", "x"), strict=True)
    }
    peaks = result(
        None, **places, score=(columns["score"], "1"), angle=(columns["angle"], "deg"),
        count=(columns["count"], "1"), status=(columns["status"], "1"),
    )  # fmt: skip
    peaks = peaks.assign_coords(peak=coordinate("peak", np.arange(max_peaks), "1"))
    single = peaks["count"].ndim == 0 and peaks["count"].chunks is None
    return peaks.isel(peak=slice(min(int(peaks["count"]), max_peaks))) if single else peaks


@operation(example={"image": "atom_image", "template": "atom_template"})
def correlate_template(
    image: xr.DataArray,
    template: xr.DataArray,
    *,
    angles: Sequence[float] = (0.0,),
    overlap: float = 0.5,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Calculate how much every image looks like a template around each pixel.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid.
    template : DataArray, shape (..., y, x)
        As for `template_match`.
    angles : sequence of float, degrees
        By which the template is rotated; the best of them counts.
    overlap : float
        Part of the template that must lie on known pixels of the image, at least.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape (..., y, x), 1
        Normalised cross-correlation, from -1 to 1, with the middle of the template on each
        pixel: between two where it has an even number of them, the left or upper one. NaN where
        too little of the template lies on the image, or that is flat.

    Raises
    ------
    DataError
        The template has other steps than the image or is larger, `overlap` is not between 0 and
        1, or there is no angle.

    Notes
    -----
    :math:`c = \sum (z - \bar z)(t - \bar t) / \sqrt{\sum (z - \bar z)^2 \sum (t - \bar t)^2}`
    over the pixels that image and template share [1]_.

    References
    ----------
    .. [1] J. P. Lewis, *Vision Interface* 95, 120 (1995).

    Examples
    --------
    >>> import omniscopy as om
    >>> om.image.correlate_template(om.samples.atom_image(), om.samples.atom_template()).dims
    ('y', 'x')
    """
    dims = require_image(image, dims)
    matching, blank = _matching(image, template, dims, angles, overlap)
    (made,) = map_signal(
        matching.scores, image, dim=dims, also=[blank],
        whole=[f"template_{dim}" for dim in dims],
        output_dims=[{dim: image.sizes[dim] for dim in dims}],
    )  # fmt: skip
    kept = {name: each for name, each in image.coords.items() if {*each.dims} <= {*made.dims}}
    return labelled(
        made.assign_coords(kept).transpose(..., *dims), units="1", long_name="Correlation",
        quantity="correlation",
    )  # fmt: skip


def _matching(
    image: xr.DataArray, template: xr.DataArray, dims: Dims, angles: Sequence[float], overlap: float
) -> tuple["_Matching", xr.DataArray]:
    """Return how images are compared, and the template without coordinates."""
    require_image(template, dims)
    steps = steps_of(image, dims)
    for dim in dims:
        own, other = abs(require_uniform(template, dim)), abs(require_uniform(image, dim))
        if units_of(template, dim) != units_of(image, dim) or abs(own / other - 1) > 0.01:
            message = (
                f"the template has steps of {own:.4g} {units_of(template, dim)} along {dim!r}, the "
                f"image of {other:.4g} {units_of(image, dim)}; resample it with "
                "`signal.interpolate`"
            )
            raise DataError(message)
        if template.sizes[dim] > image.sizes[dim]:
            message = f"the template is larger than the image along {dim!r}; crop it"
            raise DataError(message)
    if not 0 < overlap <= 1:
        message = f"overlap must be above 0 and at most 1, got {overlap!r}"
        raise DataError(message)
    if not len(angles) or not np.isfinite(angles).all():
        message = f"angles must be numbers of degrees, at least one, got {angles!r}"
        raise DataError(message)
    turned = listed_like(template, image, dims)
    blank = turned.rename({dim: f"template_{dim}" for dim in dims})
    blank = blank.drop_vars([name for name in blank.coords if str(name).startswith("template_")])
    ways = directions_of(image, dims)
    along = (ways[0] * steps[0], ways[1] * steps[1])
    return _Matching(along, tuple(map(float, angles)), overlap), blank


@dataclass(frozen=True)
class _Matching:
    """How images are compared with templates."""

    steps: tuple[float, float]
    angles: tuple[float, ...]
    overlap: float

    def scores(self, block: np.ndarray, templates: np.ndarray) -> np.ndarray:
        """Return the best correlation at every pixel of every image."""
        wide = np.broadcast_to(templates, (*block.shape[:-2], *templates.shape[-2:]))
        made = np.full(block.shape, np.nan)
        for place in np.ndindex(*block.shape[:-2]):
            made[place] = self.best(block[place], wide[place])[0]
        return made

    def peaks(
        self, block: np.ndarray, templates: np.ndarray, *, threshold: float, apart: float,
        max_peaks: int,
    ) -> tuple[np.ndarray, ...]:  # fmt: skip
        """Return the columns of matches, how many there are, and the status of each image."""
        outer = block.shape[:-2]
        wide = np.broadcast_to(templates, (*outer, *templates.shape[-2:]))
        columns = np.full((len(_COLUMNS), *outer, max_peaks), np.nan)
        count, status = np.zeros(outer, dtype=np.int64), np.zeros(outer, dtype=np.uint8)
        # The middle of an even number of pixels is half a pixel beyond the one that is meant.
        half = [0.5 * (size % 2 == 0) for size in templates.shape[-2:]]
        for place in np.ndindex(*outer):
            if not (np.isfinite(block[place]).any() and np.isfinite(wide[place]).any()):
                status[place] = Status.NO_DATA
                continue
            score, angle = self.best(block[place], wide[place])
            distance = (apart / abs(self.steps[0]), apart / abs(self.steps[1]))
            found, _ = maxima_of(score, distance, threshold)
            fine = _Refinement(block[place])
            count[place] = len(found)
            for number, (i, j) in enumerate(found[:max_peaks]):
                turned = rotated(np.asarray(wide[place], np.float64), angle[i, j], self.steps)
                y, x, top = fine.place_of(turned, (i, j), score)
                row = [y + half[0], x + half[1], min(top, 1.0), angle[i, j]]
                columns[(slice(None), *place, number)] = row
        return (*columns, count, status)

    def best(self, values: np.ndarray, template: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the best correlation over all angles, and that angle, of one image."""
        image = np.asarray(values, dtype=np.float64)
        score = np.full(image.shape, np.nan)
        angle = np.full(image.shape, np.nan)
        for turn in self.angles:
            turned = rotated(np.asarray(template, dtype=np.float64), turn, self.steps)
            own = correlation(image, turned, self.overlap)
            better = ~(own <= score) & np.isfinite(own)
            score[better], angle[better] = own[better], turn
        return score, angle


class _Refinement:
    """Where in an image templates fit best, to a part of a pixel."""

    def __init__(self, image: np.ndarray) -> None:
        from scipy.ndimage import binary_erosion, spline_filter

        known = np.isfinite(image)
        filled = np.where(known, image, image[known].mean()).astype(np.float64)
        self.spline = spline_filter(filled, mode="mirror")
        # Between pixels values hang on those around them.
        self.sure = binary_erosion(known, np.ones((3, 3)), border_value=False)

    def place_of(
        self, template: np.ndarray, pixel: tuple[int, int], score: np.ndarray
    ) -> tuple[float, float, float]:
        """Return where a template that fits best on a pixel is, and the correlation there."""
        from scipy.ndimage import map_coordinates

        coarse = refined_maximum(score, np.array(pixel))
        slopes = (
            np.gradient(template) if min(template.shape) > 1 else [np.full(template.shape, np.nan)]
        )
        begin = [place - (size - 1) // 2 for place, size in zip(pixel, template.shape, strict=True)]
        places = np.indices(template.shape) + np.reshape(begin, (2, 1, 1))
        used = np.isfinite(template) & np.isfinite(slopes).all(axis=0)
        for axis, size in enumerate(score.shape):
            used &= (places[axis] >= 0) & (places[axis] < size)
        places = places[:, used]
        inside = self.sure[tuple(places)]
        used[used], places = inside, places[:, inside]
        if np.count_nonzero(used) < _LEAST:
            return coarse
        t = template[used] - template[used].mean()
        terms = np.stack([t, *(slope[used] for slope in slopes), np.ones(len(t))], axis=1)
        inverse = np.linalg.pinv(terms)
        away = np.zeros(2)
        for _ in range(_STEPS):
            values = map_coordinates(
                self.spline, places + away[:, None], mode="mirror", prefilter=False
            )
            size, *slope, _ = inverse @ values
            move = np.array(slope) / size if size > 0 else np.full(2, np.inf)
            away = away - move
            if not np.abs(away).max() <= 1:
                return coarse
            if np.abs(move).max() < 1e-4:
                values -= values.mean()
                top = (values @ t) / np.sqrt((values @ values) * (t @ t))
                top = max(top, float(score[pixel]))
                return pixel[0] + float(away[0]), pixel[1] + float(away[1]), float(top)
        return coarse


def rotated(template: np.ndarray, angle: float, steps: tuple[float, float]) -> np.ndarray:
    """Return a template rotated about its middle from +x towards +y, NaN where it has nothing."""
    if angle % 360 == 0:
        return template
    from scipy.ndimage import map_coordinates

    middle = [(size - 1) / 2 for size in template.shape]
    y, x = ((np.arange(n) - m) * s for n, m, s in zip(template.shape, middle, steps, strict=True))
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    rows = (cosine * y[:, None] - sine * x) / steps[0] + middle[0]
    columns = (sine * y[:, None] + cosine * x) / steps[1] + middle[1]
    known = np.isfinite(template)
    options = {"order": 1, "mode": "constant"}
    taken = map_coordinates(np.where(known, template, 0.0), [rows, columns], **options)
    share = map_coordinates(known.astype(np.float64), [rows, columns], **options)
    return np.where(share > 0.5, taken / np.where(share > 0.5, share, 1.0), np.nan)


def correlation(image: np.ndarray, template: np.ndarray, overlap: float) -> np.ndarray:
    """Return the normalised correlation over known pixels, the template centred on each pixel."""
    from scipy import fft

    known, part = np.isfinite(image), np.isfinite(template)
    made = np.full(image.shape, np.nan)
    if not known.any() or not part.any():
        return made
    z = np.where(known, image - image[known].mean(), 0.0)
    t = np.where(part, template - template[part].mean(), 0.0)
    size = [n + m - 1 for n, m in zip(image.shape, template.shape, strict=True)]
    fast = tuple(fft.next_fast_len(n, real=True) for n in size)
    begin = [m - 1 - (m - 1) // 2 for m in template.shape]
    own = [fft.rfft2(each, fast) for each in (known.astype(np.float64), z, z**2)]
    other = [fft.rfft2(each[::-1, ::-1], fast) for each in (part.astype(np.float64), t, t**2)]

    def summed(first: int, second: int) -> np.ndarray:
        full = fft.irfft2(own[first] * other[second], fast)
        rows, columns = (slice(b, b + n) for b, n in zip(begin, image.shape, strict=True))
        return np.asarray(full[rows, columns])

    count = np.maximum(summed(0, 0), 1e-9)
    sum_z, sum_t = summed(1, 0), summed(0, 1)
    var_z = summed(2, 0) - sum_z**2 / count
    var_t = summed(0, 2) - sum_t**2 / count
    cross = summed(1, 1) - sum_z * sum_t / count
    seen = count > overlap * part.sum() - 0.5
    varied = (var_z > _FLAT * max(var_z.max(), 0.0)) & (var_t > _FLAT * max(var_t.max(), 0.0))
    good = seen & varied
    made[good] = cross[good] / np.sqrt(var_z[good] * var_t[good])
    return np.clip(made, -1.0, 1.0)
