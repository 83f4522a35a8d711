"""Images without the drift during their scan."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.registration.scan_rows import Scans, linear_drift, row_drifts
from omniscopy.image.registration.stacks import require_frames
from omniscopy.image.topography import like, require_image
from omniscopy.model import (
    DataError,
    Status,
    operation,
    require_choice,
    require_same_units,
    require_uniform,
    result,
)

Method = Literal["rows", "linear"]
_AXIS = "_axis"
# Scans in directions nearer than this (degrees) drift alike.
_APART = 5.0


@operation(example={"images": "drifting_scans", "scan_angles": (0.0, 90.0)})
def correct_scan_drift(
    images: xr.DataArray,
    scan_angles: Sequence[float],
    *,
    method: Method = "rows",
    max_drift: float | None = None,
    smoothing: float | None = None,
    dim: str | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Find how a specimen drifted while it was scanned in several directions, and undo it.

    Parameters
    ----------
    images : DataArray, shape (..., frame, y, x), any units
        Scans of the same place, lazy or in memory; rows along y, one after the other in time.
        Pixels that are not finite are left out.
    scan_angles : sequence of float, degrees
        The direction of the rows of each scan, from +x towards +y of the specimen (clockwise as
        images are shown). A scan of angle 0 shows the specimen upright. At least two of them
        must differ, by a right angle at best.
    method : {"rows", "linear"}
        Drift and shaking of every row, or only a drift that is linear in time and alike in all
        scans.
    max_drift : float, units of the coordinates
        In the time of a scan, at most; a tenth of the field of view otherwise.
    smoothing : float, units of the coordinates
        Rows nearer than that (standard deviation of a Gaussian) move together; a fortieth of
        the height otherwise.
    dim : str
        The dimension of the scans: "frame", "time", "cycle", "z" or the only other one.
    dims : (str, str)
        The dimensions of the images, slow one first; the last two spatial ones otherwise.

    Returns
    -------
    Dataset
        ``corrected``, shape (..., y, x), in units of `images`: what all scans show, upright;
        NaN where none was. ``drift_y``, ``drift_x`` with ``_std``, shape (..., frame, y), in
        units of the coordinates: where the specimen was along its own y and x while a row was
        scanned; 0 on average. ``_std`` is what the noise of all scans does; that of the first
        and last rows may be larger by a half. ``drift_rate_y``, ``drift_rate_x``: the linear drift
        in the time of a scan. ``correlation``, shape (..., frame), of each scan with the others,
        corrected; NaN for "linear". ``status``, shape (..., frame): 3 (at bound) where the linear
        drift is `max_drift`, 5 (invalid) for scans that show nothing, with which nothing is
        corrected.

    Raises
    ------
    DataError
        There are no two spatial dimensions of at least 16 pixels in the same units, the angles
        are not one for each scan or do not differ.

    Notes
    -----
    After [1]_. A row that is scanned along one direction tells where those of the other cross
    it. First the linear drift that makes the scans most alike is looked for, then each row is
    moved to where it is most like the image of the others (Gauss and Newton), with all scans at
    once and from many rows together to few. The specimen as a whole may lie anywhere.

    References
    ----------
    .. [1] C. Ophus, J. Ciston and C. T. Nelson, *Ultramicroscopy* 162, 1 (2016).

    Examples
    --------
    >>> import omniscopy as om
    >>> scans = om.samples.drifting_scans()
    >>> found = om.image.correct_scan_drift(scans, (0.0, 90.0))
    >>> truth = scans.attrs["metadata"]["truth"]["drift_y"]
    >>> bool(abs(found["drift_y"] - truth).mean() < 0.1)
    True
    """
    dims = require_image(images, dims, at_least=16)
    require_choice("method", method, ("rows", "linear"))
    frame = require_frames(images, dims, dim)
    steps = (require_uniform(images, dims[0]), require_uniform(images, dims[1]))
    units = require_same_units(images, dims)
    angles = _angles(scan_angles, images.sizes[frame])
    height = abs(steps[0]) * images.sizes[dims[0]]
    most = height / 10 if max_drift is None else max_drift
    width = height / 40 if smoothing is None else smoothing
    if not (0 < most <= height and 0 < width <= height):
        message = (
            f"max_drift and smoothing must be above 0 and at most {height:g}, the height of the "
            f"image in the units of its coordinates, got {max_drift!r} and {smoothing!r}"
        )
        raise DataError(message)
    count, shape = images.sizes[frame], {dim: images.sizes[dim] for dim in dims}
    along = {frame: count, dims[0]: shape[dims[0]], _AXIS: 2}
    names = ("corrected", "drift", "drift_std", "rate", "correlation", "status")
    made = map_signal(
        _corrected, images, dim=[frame, *dims],
        output_dims=[shape, along, along, {_AXIS: 2}, {frame: count}, {frame: count}],
        dtypes=[np.float64] * 5 + [np.uint8],
        parameters={
            "angles": np.deg2rad(angles), "aspect": steps[1] / steps[0], "rows": method == "rows",
            "most": most / abs(steps[0]), "width": width / abs(steps[0]),
        },
    )  # fmt: skip
    found = dict(zip(names, made, strict=True))
    place = {each: images.coords[each] for each in (frame, *dims) if each in images.coords}
    variables = {"corrected": (found["corrected"], images.attrs.get("units"))}
    for axis, name in enumerate(("y", "x")):
        part, step = {_AXIS: axis}, steps[axis]
        variables[f"drift_{name}"] = (found["drift"].isel(part) * step, units)
        variables[f"drift_{name}_std"] = (found["drift_std"].isel(part) * abs(step), units)
        variables[f"drift_rate_{name}"] = (found["rate"].isel(part) * step, units)
    variables["correlation"] = (found["correlation"], "1")
    variables["status"] = (found["status"], "1")
    labelled = {
        name: (each.assign_coords({d: c for d, c in place.items() if d in each.dims}), own)
        for name, (each, own) in variables.items()
    }
    whole = result(None, **labelled)
    return whole.assign(corrected=like(whole["corrected"], images))


def _angles(given: Sequence[float], count: int) -> np.ndarray:
    angles = np.asarray(given, dtype=np.float64).reshape(-1)
    if len(angles) != count or not np.isfinite(angles).all():
        message = f"expected an angle in degrees for each of {count} scans, got {given!r}"
        raise DataError(message)
    apart = np.abs(angles - angles[0]) % 360
    if np.minimum(apart, 360 - apart).max() < _APART:
        message = (
            f"scan_angles {given!r} do not differ by {_APART:g} degrees or more: drift looks alike "
            "in all of them. Scan in two directions, as 0 and 90 degrees"
        )
        raise DataError(message)
    return angles


def _corrected(
    block: np.ndarray, *, angles: np.ndarray, aspect: float, rows: bool, most: float, width: float
) -> tuple[np.ndarray, ...]:
    """Return corrected images, drifts in pixels, their spread, rates, likeness and outcomes."""
    outer, (count, height, length) = block.shape[:-3], block.shape[-3:]
    images = np.full((*outer, height, length), np.nan)
    drift = np.full((*outer, count, height, 2), np.nan)
    spread, rate = np.full_like(drift, np.nan), np.full((*outer, 2), np.nan)
    alike = np.full((*outer, count), np.nan)
    status = np.full((*outer, count), Status.INVALID, dtype=np.uint8)
    for place in np.ndindex(*outer):
        values = np.array(block[place], dtype=np.float64)
        finite = np.isfinite(values)
        levels = np.array(
            [v[f].mean() if f.any() else np.nan for v, f in zip(values, finite, strict=True)]
        )
        spans = np.array(
            [v[f].std() if f.any() else 0.0 for v, f in zip(values, finite, strict=True)]
        )
        good = np.flatnonzero(spans > 1e-12 * np.abs(np.nan_to_num(levels)))
        if len(good) < 2 or np.ptp(angles[good]) < np.deg2rad(_APART):
            continue
        level, span = levels[good].mean(), spans[good].mean()
        used = (values[good] - levels[good][:, None, None]) / spans[good][:, None, None]
        scans = Scans.of(used, angles[good], aspect)
        scale = np.array([1.0, 1.0 / aspect])
        own, rate[place] = linear_drift(scans, most)
        own -= own.mean(axis=(0, 1))
        if rows:
            own, own_spread, own_alike = row_drifts(scans, own, width)
            spread[(*place, good)], alike[(*place, good)] = own_spread, own_alike
        drift[(*place, good)] = own
        merged, _ = scans.merged(own, np.arange(len(good)))
        images[place] = merged * span + level
        bound = bool((np.abs(rate[place]) >= 0.99 * most * np.abs(scale)).any())
        status[(*place, good)] = Status.AT_BOUND if bound else Status.CONVERGED
    return images, drift, spread, rate, alike, status
