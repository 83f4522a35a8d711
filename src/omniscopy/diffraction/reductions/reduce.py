"""Any set of sums of patterns in one read."""

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from omniscopy.diffraction.detectors import Annulus, Detector, Disk, Mask, Polygon, Segment
from omniscopy.diffraction.reductions.places import Places
from omniscopy.diffraction.reductions.reading import (
    in_order,
    places_of,
    read_for,
    scan_of,
    shared_coordinates,
    with_coordinates,
)
from omniscopy.diffraction.reductions.wanted import (
    CentreOfMass,
    Made,
    RadialProfile,
    Simple,
    Wanted,
    named,
)
from omniscopy.model import DataError, operation, require_plane, require_real, result

AnyWanted = Simple | CentreOfMass | RadialProfile | Disk | Annulus | Segment | Polygon | Mask


@operation(example={"data": "diffraction_4d", "operations": ["mean", "com", Disk(2.0)]})
def reduce(
    data: xr.DataArray,
    operations: Sequence[AnyWanted] | Mapping[str, AnyWanted],
    *,
    centres: xr.Dataset | None = None,
    dead: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Evaluate any set of sums, detectors, centres of mass and profiles in one read.

    Parameters
    ----------
    data : DataArray, shape (..., y, x, ky, kx)
        Of any real type, which is kept while it is worked on; lazy or in memory.
    operations : sequence or mapping of name to what is wanted
        Detectors (`Disk`, `Annulus`, `Segment`, `Polygon`, `Mask`), `CentreOfMass`,
        `RadialProfile`, or one of "sum" (all of every pattern), "com", "radial_profile", and
        "mean", "max" and "variance", which are patterns of the whole scan. In a sequence each
        has the name of its kind, numbered where there are several.
    centres : Dataset, shape (y, x) or less
        Where detectors and profiles whose centre is "auto" are, for each position: ``ky`` and
        ``kx``, as of `find_centre`, or ``com_y`` and ``com_x``, as of `measure_com`. Without it
        that is the middle of the disc in the mean pattern, and `data` are read twice.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out of everything, as of `find_dead_pixels`.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    Dataset
        Images in units of `data`; patterns, NaN at dead pixels; for "com" what `measure_com`
        gives, named ``<name>_y``, ``<name>_x``, each with ``_std``, and ``status``. Values that
        are NaN are left out; NaN where there is no other, or where a centre is not known.

    Raises
    ------
    DataError
        Something that is not known is asked for, no pixel is on a detector, or centres or dead
        pixels do not fit to the data.

    Notes
    -----
    The variance is that of the scan, :math:`\langle I^2 \rangle - \langle I \rangle^2`.

    Examples
    --------
    >>> import omniscopy as om
    >>> from omniscopy.diffraction import Disk, reduce
    >>> found = reduce(om.samples.diffraction_4d(), {"bright_field": Disk(1.6), "all": "sum"})
    >>> sorted(found)
    ['all', 'bright_field']
    """
    asked = named(operations)
    plane = require_plane(data, dims, kind="reciprocal", at_least=1)
    require_real(data)
    require_scan(data, plane, asked)
    places = places_of(data, plane, centres=centres, dead=dead)
    return dataset(read_for(asked, places), places)


def require_scan(
    data: xr.DataArray, plane: tuple[str, str], asked: Mapping[str, Wanted]
) -> None:  # fmt: skip
    """Raise where a pattern of the scan is asked for, and there is none."""
    patterns = [name for name, wanted in asked.items() if wanted in ("mean", "max", "variance")]
    over = scan_of(data, plane)
    if patterns and not over:
        message = (
            f"{patterns[0]!r} is a pattern of a scan, but dimensions {tuple(data.dims)} are "
            "those of one pattern"
        )
        raise DataError(message)
    if patterns and any(data.sizes[dim] == 0 for dim in over):
        message = f"dimensions {over} hold no pattern"
        raise DataError(message)


def dataset(made: Made, places: Places) -> xr.Dataset:
    """Return what was made as a Dataset, with coordinates and titles."""
    if any(isinstance(values, xr.DataArray) for values, _, _ in made.values()):
        labelled: Any = with_coordinates(made, places)
        found = result(None, **{name: each[:2] for name, each in labelled.items()})
    else:
        ordered = {name: in_order(values, places) for name, (values, _, _) in made.items()}
        dims = {dim for values in ordered.values() for dim in values.dims}
        coords = shared_coordinates(places, dims)
        found = result(
            None, coords, **{name: (each, made[name][1]) for name, each in ordered.items()}
        )
    for name, (_, _, title) in made.items():
        if title:
            found.variables[name].attrs["long_name"] = title
    return found


def require_detector(detector: object) -> None:
    """Raise unless this is a detector."""
    if not isinstance(detector, Detector):
        message = (
            "detector must be a Disk or an Annulus, a Segment, a Polygon or a Mask, got "
            f"{type(detector).__name__}"
        )
        raise DataError(message)
