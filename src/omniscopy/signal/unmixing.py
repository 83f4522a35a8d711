"""How much of known spectra is in every spectrum."""

import functools
import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

from omniscopy.model import (
    DataError,
    Status,
    conversion_factor,
    coordinate,
    dims_of_role,
    is_unit,
    operation,
    require_array,
    require_dims,
    require_real,
    result,
    units_of,
)
from omniscopy.model.units import parse
from omniscopy.signal.decomposition.matrices import finite_rows
from omniscopy.signal.simplex import Fractions, fit_fractions


@operation(example={"data": "spectrum_image", "endmembers": "phase_spectra"})
def unmix(
    data: xr.DataArray,
    endmembers: xr.DataArray,
    *,
    dim: str | Sequence[str] | None = None,
    nonnegative: bool = True,
    sum_to_one: bool = True,
) -> xr.Dataset:
    r"""Find the fractions of known spectra that make every spectrum.

    Parameters
    ----------
    data : DataArray, shape (..., channels)
        Real values; lazy or in memory.
    endmembers : DataArray, shape (component, channels)
        The spectra (or patterns, or images), on the same coordinates as the data; the first
        dimension may have any name that the data do not have. In units that convert to those of
        the data, or pure numbers without `sum_to_one`.
    dim : str or sequence of str
        Dimensions of the channels; those of the signal otherwise.
    nonnegative : bool
        No fraction is below 0.
    sum_to_one : bool
        The fractions of a spectrum have the sum 1.

    Returns
    -------
    Dataset
        ``abundance`` (..., component), pure numbers, or in units of the data where the end
        members are pure numbers; ``abundance_std``, NaN of what is held at 0. ``residual`` (...),
        the root mean square of what is left of a spectrum, in units of the data. ``status`` is 4
        (no data) where a value of the spectrum is not finite, 2 (singular) where the end members
        do not determine the fractions: both NaN.

    Raises
    ------
    DataError
        Dimensions, coordinates or units of both do not fit, or there are more end members than
        the channels can tell apart.

    Notes
    -----
    Fully constrained least squares [1]_, exactly, by an active set. The standard deviations are
    those of unconstrained least squares for the fractions that are not 0, with the noise that the
    residuals show.

    References
    ----------
    .. [1] D. C. Heinz, C.-I. Chang, *IEEE Trans. Geosci. Remote Sens.* 39, 529 (2001).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.signal.unmix(om.samples.spectrum_image(), om.samples.phase_spectra())
    >>> found["abundance"].dims
    ('y', 'x', 'component')
    """
    require_real(data)
    channels = [dim] if isinstance(dim, str) else list(dim or dims_of_role(data, "signal"))
    require_dims(data, channels)
    component = _component_dim(data, endmembers, channels)
    for each in channels:
        _require_same_channels(data, endmembers, each)
    factor, units = _factor_and_units(data, endmembers, sum_to_one=sum_to_one)
    number, values = endmembers.sizes[component], math.prod(data.sizes[dim] for dim in channels)
    if not 1 <= number <= values + int(sum_to_one):
        message = (
            f"{number} end members cannot be told apart in {values} channels; take from 1 to "
            f"{values + int(sum_to_one)}"
        )
        raise DataError(message)
    # The coordinates of the channels are those of the data, in units that may differ.
    members = endmembers.drop_vars(channels, errors="ignore").astype(np.float64) * factor
    if members.chunks is not None:
        members = members.chunk({component: -1})
    lazily = [each if each.chunks is None else each.chunk(dict.fromkeys(channels, -1))
              for each in (data, members)]  # fmt: skip
    found = xr.apply_ufunc(
        functools.partial(_unmixed, channels=len(channels), nonnegative=nonnegative,
                          sum_to_one=sum_to_one),
        *lazily,
        input_core_dims=[channels, [component, *channels]],
        output_core_dims=[[component], [component], [], []],
        dask="parallelized",
        dask_gufunc_kwargs={"meta": tuple(np.empty(0) for _ in range(4))},
    )  # fmt: skip
    abundance, std, residual, status = (each.drop_attrs(deep=False) for each in found)
    made = result(
        abundance=(abundance, units), abundance_std=(std, units),
        residual=(residual, data.attrs.get("units")), status=(status, "1"),
    )  # fmt: skip
    if component in made.coords:
        return made
    return made.assign_coords({component: coordinate(component, np.arange(number), "1")})


def _component_dim(data: xr.DataArray, endmembers: xr.DataArray, channels: list[str]) -> str:
    """Return the dimension along which the end members are."""
    require_array(endmembers)
    require_real(endmembers)
    require_dims(endmembers, channels)
    own = [str(dim) for dim in endmembers.dims if dim not in data.dims]
    if len(own) != 1:
        message = (
            f"end members need the channels {channels} and one dimension that the data do not "
            f"have, got {tuple(endmembers.dims)} for data of {tuple(data.dims)}; rename it with "
            "`endmembers.rename(...)`"
        )
        raise DataError(message)
    return own[0]


def _require_same_channels(data: xr.DataArray, endmembers: xr.DataArray, dim: str) -> None:
    """Raise unless both are on the same points of a dimension."""
    if dim not in data.coords or dim not in endmembers.coords:
        same = data.sizes[dim] == endmembers.sizes[dim]
    else:
        wanted, found = units_of(data, dim), units_of(endmembers, dim)
        factor = 1.0 if wanted is None or found is None else conversion_factor(found, wanted)
        one, other = (np.asarray(each.coords[dim].values) for each in (data, endmembers))
        same = one.shape == other.shape and np.allclose(one, other * factor, rtol=1e-6)
    if not same:
        message = (
            f"data and end members are on different points of {dim!r}; bring these to those of "
            f"the data with `endmembers.interp({dim}=data[{dim!r}])`"
        )
        raise DataError(message)


def _factor_and_units(
    data: xr.DataArray, endmembers: xr.DataArray, *, sum_to_one: bool
) -> tuple[float, str | None]:
    """Return what brings end members to the units of the data, and the units of fractions."""
    wanted, found = data.attrs.get("units"), endmembers.attrs.get("units")
    if wanted is None or found is None or wanted == found:
        return 1.0, "1"
    if is_unit(wanted) and is_unit(found) and parse(wanted).powers == parse(found).powers:
        return conversion_factor(found, wanted), "1"
    if sum_to_one or found != "1":
        message = (
            f"the end members are in {found!r}, which cannot make data in {wanted!r}; give them in "
            "units of the data, or pure numbers with `sum_to_one=False`"
        )
        raise DataError(message)
    return 1.0, wanted


def _unmixed(
    block: np.ndarray, members: np.ndarray, *, channels: int, nonnegative: bool, sum_to_one: bool
) -> tuple[np.ndarray, ...]:
    """Return fractions, their deviations, residuals and outcomes of a block of spectra."""
    outer = block.shape[: block.ndim - channels]
    count = members.shape[members.ndim - channels - 1]
    values = np.full((2, *outer, count), np.nan)
    residual, status = np.full(outer, np.nan), np.full(outer, int(Status.NO_DATA), np.uint8)
    own = members.shape[: members.ndim - channels - 1]
    for index in np.ndindex(own):
        # Where the members are the same for all points of a dimension, they are solved together.
        part = tuple(slice(None) if size == 1 else n for n, size in zip(index, own, strict=True))
        part = (slice(None),) * (len(outer) - len(own)) + part
        known = members[index].reshape(count, -1)
        rows = np.ascontiguousarray(block[part], np.float64).reshape(-1, known.shape[1])
        usable = finite_rows(rows) & np.isfinite(known).all()
        found = fit_fractions(rows[usable], known, positive=nonnegative, closed=sum_to_one)
        if _rank(known, sum_to_one=sum_to_one) < count:
            found = Fractions(*(np.full_like(each, np.nan) for each in found))
        shape = residual[part].shape
        for target, fitted in zip(values, (found.values, found.std), strict=True):
            target[part] = _spread(fitted, usable).reshape(*shape, count)
        residual[part] = _spread(np.sqrt(found.squares / known.shape[1]), usable).reshape(shape)
        outcome = np.where(np.isfinite(found.squares), Status.CONVERGED, Status.SINGULAR)
        status[part] = _spread(outcome, usable, int(Status.NO_DATA)).reshape(shape)
    return values[0], values[1], residual, status


def _rank(known: np.ndarray, *, sum_to_one: bool) -> int:
    """Return how many of the end members can be told apart."""
    if not np.isfinite(known).all():
        return len(known)
    # Those with the sum 1 are told apart by their differences.
    differences = known[1:] - known[:1] if sum_to_one else known
    return int(np.linalg.matrix_rank(differences, rtol=1e-7)) + int(sum_to_one)


def _spread(values: np.ndarray, usable: np.ndarray, empty: float = np.nan) -> np.ndarray:
    """Return values at the places of usable samples, and `empty` at the others."""
    full = np.full((len(usable), *values.shape[1:]), empty)
    full[usable] = values
    return full
