"""Data back from few components."""

from collections.abc import Sequence

import xarray as xr

from omniscopy.model import DataError, kind_of_dim, operation, signal_type_of
from omniscopy.signal.precision import single_or_double

# What still describes the values of data that were decomposed.
KEPT = ("long_name", "quantity", "modality", "source")


@operation(example={"ds": "decomposition"})
def reconstruct(ds: xr.Dataset, components: int | Sequence[int] | None = None) -> xr.DataArray:
    r"""Reconstruct data from components and loadings, with less noise than they had.

    Parameters
    ----------
    ds : Dataset
        What `decompose` or `rotate_components` returned.
    components : int or sequence of int
        How many of the components, from the first, or which; all otherwise.

    Returns
    -------
    DataArray, units of the data
        Samples first, then the dimensions of a component. NaN where the loadings are.

    Raises
    ------
    DataError
        `ds` holds no components and loadings, or one of `components` is not there.

    Notes
    -----
    :math:`X = m + \sum_k l_k c_k` with loadings l, components c and, where `decompose` took it
    off, the mean m.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.signal.reconstruct(om.samples.decomposition(), 2).dims
    ('y', 'x', 'energy_loss')
    """
    require_decomposition(ds)
    wanted = wanted_components(ds, components)
    parts, loadings = (
        _wide(ds[name].isel(component=wanted).drop_attrs(deep=False))
        for name in ("components", "loadings")
    )
    samples = [dim for dim in loadings.dims if dim != "component"]
    channels = [dim for dim in parts.dims if dim not in ("component", *samples)]
    if parts.chunks is not None:
        # One chunk, or every chunk of loadings would meet every one of components.
        parts = parts.chunk(dict.fromkeys(parts.dims, -1))
        loadings = loadings.chunk(component=-1)
    values = xr.dot(loadings, parts, dim="component")
    if "mean" in ds:
        values = values + ds["mean"].drop_attrs(deep=False)
    kinds = [kind_of_dim(values, dim) for dim in (*samples, *channels)]
    # One of both holds the units of the data, the other pure numbers.
    described = max(
        (ds["loadings"].attrs, ds["components"].attrs), key=lambda attrs: attrs.get("units") != "1"
    )
    attrs = {key: value for key, value in described.items() if key in (*KEPT, "units")}
    return values.transpose(*samples, *channels).assign_attrs(
        attrs, signal_type=signal_type_of(kinds)
    )


def _wide(values: xr.DataArray) -> xr.DataArray:
    """Return values whose products fit: of references in counts and shares in per cent too."""
    return values.astype(single_or_double(values.dtype), copy=False)


def require_decomposition(ds: object, *further: str) -> None:
    """Raise unless `ds` holds components and loadings, and `further` variables."""
    needed = ("components", "loadings", *further)
    if not isinstance(ds, xr.Dataset) or not {*needed} <= {*ds.data_vars}:
        found = sorted(map(str, ds.data_vars)) if isinstance(ds, xr.Dataset) else type(ds).__name__
        message = f"expected a Dataset of {', '.join(needed)}, got {found}"
        raise DataError(message)


def wanted_components(ds: xr.Dataset, components: int | Sequence[int] | None) -> list[int]:
    """Return which components are meant by a number, by numbers, or by nothing."""
    present = ds.sizes["component"]
    numbers = range(present) if components is None else components
    wanted = list(range(numbers)) if isinstance(numbers, int) else [int(n) for n in numbers]
    if not wanted or not all(0 <= number < present for number in wanted):
        message = f"components {components!r} are not among the {present} that there are"
        raise DataError(message)
    return wanted
