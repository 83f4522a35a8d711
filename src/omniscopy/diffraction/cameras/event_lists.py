"""Lists of electrons that cameras and other packages give, and the patterns that they make up."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.diffraction.cameras.events import VARIABLES, require_events
from omniscopy.diffraction.reductions.reading import displayed, scan_of
from omniscopy.model import DataError, coordinate, labelled, operation, require_plane, result

Numbers = npt.ArrayLike | tuple[npt.ArrayLike, ...]

# Patterns as wide as that hold the sums of any camera.
_KINDS = (np.uint8, np.uint16, np.uint32, np.int64)


def make_events(
    position: Numbers, pixel: Numbers, like: xr.DataArray, *, electrons: npt.ArrayLike | None = None
) -> xr.Dataset:
    """Make a list of events of the numbers that a camera gives, as `reduce_events` takes it.

    Parameters
    ----------
    position : array of int, shape (n,), or a tuple of them
        Where in the scan each event is, counted along x first: the number of its frame. Or
        indices along each dimension of the scan, such as (y, x).
    pixel : array of int, shape (n,), or a tuple of them
        Where on the camera, counted along kx first; or indices (ky, kx).
    like : DataArray, shape (y, x, ky, kx)
        The labels of scan and patterns: values are not looked at. Such as
        ``xarray.DataArray(dask.array.zeros(...), coords, dims=("y", "x", "ky", "kx"))``.
    electrons : array of int, shape (n,), optional
        How many each event is of; one otherwise.

    Returns
    -------
    Dataset, shape (event)
        ``position``, ``pixel`` and ``electrons`` as of `find_events`, in order, those at the same
        place together.

    Raises
    ------
    DataError
        The arrays are not as long as each other, hold no whole numbers, or an event is not on the
        scan or the camera.

    Examples
    --------
    >>> import omniscopy as om
    >>> made = om.diffraction.make_events([0, 0, 41], [7, 7, 9], om.samples.diffraction_4d())
    >>> made["electrons"].values.tolist()
    [2, 1]
    """
    plane = require_plane(like, None, kind="reciprocal", at_least=1)
    over = displayed(scan_of(like, plane))
    scan = [*(str(d) for d in like.dims if d not in (*plane, *over)), *over]
    if not scan:
        message = f"dimensions {tuple(like.dims)} are those of one pattern; there is no scan"
        raise DataError(message)
    places = _numbers("position", position, [like.sizes[dim] for dim in scan], scan)
    pixels = _numbers("pixel", pixel, [like.sizes[dim] for dim in plane], plane)
    counts = np.ones(len(places), np.int64)
    if electrons is not None:
        counts = _whole("electrons", electrons)
        if counts.size and counts.min() < 0:
            message = f"electrons must not be negative, got {counts.min()}"
            raise DataError(message)
    lengths = {"position": len(places), "pixel": len(pixels), "electrons": len(counts)}
    if len(set(lengths.values())) > 1:
        message = f"each event has a position and a pixel, but they are {lengths} in number"
        raise DataError(message)
    size = int(np.prod([like.sizes[dim] for dim in plane]))
    keys, sums = _summed(places * size + pixels, counts)
    columns = (keys // size, keys % size, sums)
    event = {"event": coordinate("event", np.arange(len(keys)), "1", kind="point")}
    made = result(
        {"scan": scan, "pattern": [*plane]},
        **{
            name: (xr.DataArray(column, event, dims="event"), "1")
            for name, column in zip(VARIABLES, columns, strict=True)
        },
    )
    kept = {key: like.attrs[key] for key in ("modality", "metadata") if key in like.attrs}
    made = made.assign_attrs(kept)
    return made.assign_coords({dim: like.coords[dim] for dim in (*scan, *plane)})


@operation(example={"events": "events"}, lazy=False)
def fill_patterns(events: xr.Dataset) -> xr.DataArray:
    """Make patterns of a list of electrons, for what needs all pixels, such as ptychography.

    Parameters
    ----------
    events : Dataset, shape (event)
        As of `find_events` or `make_events`.

    Returns
    -------
    DataArray, shape (y, x, ky, kx), electrons
        In memory, of the narrowest type of whole numbers that holds them.

    Raises
    ------
    DataError
        The list is none.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.diffraction.fill_patterns(om.samples.events()).dims
    ('y', 'x', 'ky', 'kx')
    """
    scan, plane = require_events(events)
    sizes = {dim: events.sizes[dim] for dim in (*scan, *plane)}
    pixels = int(np.prod([sizes[dim] for dim in plane]))
    position, pixel, electrons = (events[name].values for name in VARIABLES)
    places, sums = _summed(position.astype(np.int64) * pixels + pixel, electrons)
    values = np.zeros(int(np.prod([*sizes.values()])), sums.dtype)
    values[places] = sums
    made = xr.DataArray(
        values.reshape([*sizes.values()]),
        {dim: events.coords[dim] for dim in sizes},
        dims=tuple(sizes),
    )
    kept = {key: events.attrs[key] for key in ("modality", "metadata") if key in events.attrs}
    return labelled(made, units="electrons", long_name="Electrons", quantity="counts", **kept)


def _summed(places: np.ndarray, electrons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each place once, in order, and its electrons, in the narrowest type for them."""
    found, where = np.unique(places, return_inverse=True)
    sums = np.bincount(where, electrons, len(found)).astype(np.int64)
    most = int(sums.max(initial=0))
    return found, sums.astype(next(kind for kind in _KINDS if most <= np.iinfo(kind).max))


def _whole(what: str, values: npt.ArrayLike) -> np.ndarray:
    found = np.asarray(values)
    if found.size == 0 and found.ndim == 1:
        return found.astype(np.int64)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        message = (
            f"{what} of events must be a row of whole numbers, got {found.dtype} of shape "
            f"{found.shape}"
        )
        raise DataError(message)
    return found.astype(np.int64)


def _numbers(what: str, given: Numbers, sizes: Sequence[int], dims: Sequence[str]) -> np.ndarray:
    """Return numbers along all dimensions, the last one first."""
    several = isinstance(given, tuple)
    each_given: Sequence[npt.ArrayLike] = given if isinstance(given, tuple) else (given,)
    columns = [_whole(what, each) for each in each_given]
    if several and len(columns) != len(sizes):
        message = f"{what} must be one array, or one for each of {tuple(dims)}, got {len(columns)}"
        raise DataError(message)
    if len({len(each) for each in columns}) > 1:
        message = (
            f"{what} must be as many along each of {tuple(dims)}, got {list(map(len, columns))}"
        )
        raise DataError(message)
    ends = sizes if several else [int(np.prod(sizes))]
    outside = sum(((each < 0) | (each >= end)) for each, end in zip(columns, ends, strict=True))
    if np.any(outside):
        message = (
            f"{int(np.count_nonzero(outside))} of {len(columns[0])} events have a {what} that is "
            f"not from 0 to {[end - 1 for end in ends]}, along {tuple(dims)}: leave them out"
        )
        raise DataError(message)
    found = np.zeros(len(columns[0]), np.int64)
    for each, end in zip(columns, ends, strict=True):
        found = found * end + each
    return found
