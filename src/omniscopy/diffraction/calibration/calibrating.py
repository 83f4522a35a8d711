"""Scale, origin and rotation of patterns, put into their coordinates."""

from typing import TypeVar, cast

import numpy as np
import xarray as xr

from omniscopy.image import undistort
from omniscopy.model import (
    DataError,
    conversion_factor,
    is_unit,
    labelled,
    operation,
    require_array,
    require_plane,
    units_of,
)

Labelled = TypeVar("Labelled", bound=xr.DataArray | xr.Dataset)
_PLACES = ("ky", "kx")


@operation(example={"data": "nanobeam_4d", "centre": (0.15, -0.25), "scale": 1.02})
def calibrate(
    data: xr.DataArray,
    *,
    scale: float | None = None,
    measured: float | None = None,
    spacing: float | None = None,
    units: str | None = None,
    centre: tuple[float, float] | None = None,
    rotation: float | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Put what is known of the detector into the coordinates of patterns.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx)
        Lazy or in memory, of any units: pixels too.
    scale : float
        By what the coordinates are multiplied, such as `index_rings` finds.
    measured, spacing : float
        In place of a scale: the length of a reciprocal vector as it is measured, in the units
        that the coordinates have, and the distance in nm of the planes that it is of.
    units : str
        Of the coordinates afterwards; 1/nm with a spacing, as they are otherwise.
    centre : (ky, kx), units that the coordinates have
        What becomes the origin.
    rotation : float, degrees
        By how much the detector is turned against the scan, from +x towards +y, such as
        `fit_dpc` finds. It is noted, and `measure_strain` turns strain by it.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    DataArray, shape and units of `data`
        The same values with other coordinates; the rotation is in
        ``attrs["metadata"]["detector"]["rotation"]``.

    Raises
    ------
    DataError
        Nothing is given, a scale is given twice or in part, or is not above 0.

    Notes
    -----
    :math:`k' = s (k - k_0)`, with :math:`s = 1 / (d\, k_\mathrm{measured})` of planes d apart.

    Examples
    --------
    >>> import omniscopy as om
    >>> data = om.samples.nanobeam_4d()
    >>> made = om.diffraction.calibrate(data, measured=3.61, spacing=0.2771)
    >>> round(float(made["ky"][0] / data["ky"][0]), 3)
    1.0
    """
    require_array(data)
    dims = require_plane(data, dims, kind="reciprocal", at_least=1)
    if all(each is None for each in (scale, measured, spacing, centre, rotation, units)):
        message = "nothing to calibrate: pass scale=, measured= and spacing=, centre= or rotation="
        raise DataError(message)
    if (measured is None) != (spacing is None):
        message = (
            "measured= and spacing= belong together: a length on the detector and planes in nm"
        )
        raise DataError(message)
    if scale is not None and measured is not None:
        message = "pass scale=, or measured= and spacing=, not both"
        raise DataError(message)
    for name, value in (("scale", scale), ("measured", measured), ("spacing", spacing)):
        if value is not None and not 0 < value < np.inf:
            message = f"{name} must be above 0, got {value!r}"
            raise DataError(message)
    factor = 1.0 if scale is None else float(scale)
    if measured is not None and spacing is not None:
        units = "1/nm" if units is None else units
        if not is_unit(units):
            message = f"units must be those of a reciprocal length, got {units!r}"
            raise DataError(message)
        factor = conversion_factor("1/nm", units) / (spacing * measured)
    middle = (0.0, 0.0) if centre is None else centre
    made = data
    for dim, at in zip(dims, middle, strict=True):
        attrs = {**data[dim].attrs, "kind": "reciprocal"}
        if units is not None:
            attrs["units"] = units
        values = factor * (np.asarray(data[dim].values, np.float64) - at)
        made = made.assign_coords({dim: xr.Variable((dim,), values, attrs)})
    kept = {
        key: data.attrs[key]
        for key in ("quantity", "long_name", "signal_type")
        if key in data.attrs
    }
    made = labelled(made, units=data.attrs.get("units"), **kept)
    if rotation is not None:
        metadata = data.attrs.get("metadata")
        known = dict(metadata) if isinstance(metadata, dict) else {}
        detector = known.get("detector")
        known["detector"] = {
            **(detector if isinstance(detector, dict) else {}), "rotation": float(rotation),
        }  # fmt: skip
        made.attrs["metadata"] = known
    return made


@operation(example={"data": "distorted_rings", "distortion": "ring_distortion"})
def correct_ellipse(data: Labelled, distortion: xr.Dataset) -> Labelled:
    r"""Take an elliptic distortion out of patterns, or out of the places of discs.

    Parameters
    ----------
    data : DataArray, shape (..., ky, kx), or Dataset, shape (..., peak)
        Patterns, that are resampled; or ``ky`` and ``kx`` of `find_discs`, that are moved,
        which keeps their precision.
    distortion : Dataset
        What `image.measure_distortion` found on a ring, as of an amorphous film or of a powder.

    Returns
    -------
    DataArray or Dataset, shape and units of `data`
        About the middle of the ring. NaN where something beyond the edge of a pattern belongs.

    Raises
    ------
    DataError
        `distortion` is none, or in other units than the positions.

    Notes
    -----
    What is at :math:`r (1 + \sum_n c_n \cos n \varphi + s_n \sin n \varphi)` belongs at
    :math:`r`.

    Examples
    --------
    >>> import omniscopy as om
    >>> rings = om.samples.distorted_rings()
    >>> found = om.image.measure_distortion(rings, (3.0, 5.0))
    >>> om.diffraction.correct_ellipse(rings, found).sizes == rings.sizes
    True
    """
    if not isinstance(distortion, xr.Dataset) or not {
        *_PLACES, "cosine", "sine", "order",
    } <= {*distortion.variables}:  # fmt: skip
        message = "distortion must be what `image.measure_distortion` returned for patterns"
        raise DataError(message)
    if isinstance(data, xr.DataArray):
        return cast("Labelled", undistort(data, distortion))
    if not {*_PLACES} <= {*data.data_vars}:
        message = f"expected patterns, or a table with ky and kx, got {sorted(map(str, data))}"
        raise DataError(message)
    for name in _PLACES:
        if data[name].attrs.get("units") != units_or_own(distortion, name):
            message = (
                f"{name!r} is in {data[name].attrs.get('units')!r}, the distortion in "
                f"{units_or_own(distortion, name)!r}"
            )
            raise DataError(message)
    middle = [distortion[name].drop_attrs() for name in _PLACES]
    y, x = ((data[name] - at).drop_attrs() for name, at in zip(_PLACES, middle, strict=True))
    turn = xr.apply_ufunc(np.arctan2, y, x, dask="allowed")
    order = distortion["order"].drop_attrs()
    wave = distortion["cosine"].drop_attrs() * np.cos(order * turn)
    wave = wave + distortion["sine"].drop_attrs() * np.sin(order * turn)
    size = 1 + wave.sum("order")
    made = data.copy(deep=False)
    for name, at, away in zip(_PLACES, middle, (y, x), strict=True):
        dims = data[name].dims
        made[name] = (at + away / size).transpose(*dims).assign_attrs(data[name].attrs)
    made.attrs = {key: data.attrs[key] for key in ("metadata",) if key in data.attrs}
    return made


def units_or_own(values: xr.Dataset, name: str) -> str | None:
    """Return the units of a variable, or of the coordinate of this name."""
    found = values[name].attrs.get("units")
    return units_of(values, name) if found is None else str(found)
