"""How a quantity of grains is distributed, and how two of them go together."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import DataError, Status, coordinate, operation, result
from omniscopy.model.units import product

_DIM = "grain"


@operation(example={"grains": "grain_table", "quantity": "area", "bins": 5})
def grain_distribution(
    grains: xr.Dataset,
    quantity: str,
    *,
    bins: int = 20,
    window: tuple[float, float] | None = None,
    weights: str | None = None,
    dim: str = _DIM,
) -> xr.Dataset:
    r"""Calculate how a quantity of grains is distributed.

    Parameters
    ----------
    grains : Dataset, shape (..., grain)
        Such as `measure_grains` returns. Grains whose quantity is NaN are left out.
    quantity : str
        The name of one of its variables: "area", "feret_max", "height_mean" ...
    bins : int
        Number of classes, all as wide.
    window : (low, high), units of the quantity
        From where to where; from the smallest to the largest of each image otherwise.
    weights : str
        Another variable by which grains count, such as "area" or "volume_zero"; all alike
        otherwise.
    dim : str
        Along which the grains are; "atom" of tables of atoms.

    Returns
    -------
    Dataset, shape (..., bin)
        ``lower`` and ``upper`` ends of the classes, ``count`` of grains in each, ``fraction`` of
        all (by their weights), ``density`` over the quantity, ``cumulative``: the fraction up to
        the upper end. And of all grains that count ``mean``, ``standard_deviation``, ``median``,
        ``smallest``, ``largest``, ``total`` (not weighed), and their ``number``.
        NaN, and `status` 4 (no data), where there is no grain. Grains outside of the window are
        in no class and yet part of all.

    Raises
    ------
    DataError
        There is no such variable along ``grain``, no class, or the window is empty.

    Notes
    -----
    With the weights w, a class of width :math:`\Delta` has the density :math:`\sum_{i \in
    \mathrm{class}} w_i / (\Delta \sum_i w_i)`; the mean is :math:`\bar x = \sum w_i x_i / \sum
    w_i`, the variance :math:`\sum w_i (x_i - \bar x)^2 / \sum w_i`. Median and total count all
    grains alike.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.image.grain_distribution(om.samples.grain_table(), "area", bins=4)
    >>> int(found["count"].sum()), found["density"].attrs["units"]
    (12, '1/nm^2')
    """
    values = _column(grains, quantity, dim)
    weight = xr.ones_like(values, dtype=np.float64)
    if weights is not None:
        weight = _column(grains, weights, dim)
    if bins < 1:
        message = f"bins must be at least 1, got {bins!r}"
        raise DataError(message)
    if window is not None and not window[0] < window[1]:
        message = f"window must be (low, high), got {window!r}"
        raise DataError(message)
    classes, single = (
        {"bin": bins},
        ("mean", "standard_deviation", "median", "smallest", "largest", "total"),
    )
    columns = map_signal(
        _distributions, values, dim=dim, also=[weight],
        output_dims=[classes] * 6 + [{}] * (len(single) + 2),
        dtypes=[*[np.float64] * 2, np.int64, *[np.float64] * (3 + len(single)), np.int64, np.uint8],
        parameters={"bins": bins, "window": window},
    )  # fmt: skip
    units = grains[quantity].attrs.get("units")
    stated = {
        "lower": units, "upper": units, "count": "1", "fraction": "1",
        "density": product((units, -1)), "cumulative": "1", **dict.fromkeys(single, units),
        "number": "1", "status": "1",
    }  # fmt: skip
    made = result(
        **{name: (each, stated[name]) for name, each in zip(stated, columns, strict=True)}
    )
    classes_of = coordinate("bin", np.arange(bins), "1", kind="parameter", quantity="class")
    return made.assign_coords(bin=classes_of)


@operation(example={"grains": "grain_table", "first": "equivalent_radius", "second": "height_max"})
def correlate_grains(grains: xr.Dataset, first: str, second: str) -> xr.Dataset:
    r"""Correlate two quantities of grains.

    Parameters
    ----------
    grains : Dataset, shape (..., grain)
        Such as `measure_grains` returns. Grains of which either is NaN are left out.
    first, second : str
        The names of two of its variables.

    Returns
    -------
    Dataset, shape (..., grain)
        In units of the two, the correlations pure numbers:
        ``first`` and ``second`` to be drawn against each other, NaN where either is; and of each
        image ``correlation`` (Pearson), ``rank_correlation`` (Spearman), the line of least squares
        ``slope`` and ``offset`` of the second over the first with their ``_std``, the ``number``
        of grains. NaN where there are too few (2, for deviations 3), or the first is of one value.

    Raises
    ------
    DataError
        There is no such variable along ``grain``.

    Notes
    -----
    Pearson's :math:`r = \sum \delta_1 \delta_2 / \sqrt{\sum \delta_1^2 \sum \delta_2^2}` of the
    differences δ from the means, that of the ranks (Spearman), and
    :math:`\mathrm{slope} = \sum \delta_1 \delta_2 / \sum \delta_1^2`.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.image.correlate_grains(om.samples.grain_table(), "equivalent_radius", "area")
    >>> float(found["rank_correlation"])
    1.0
    """
    one, other = _column(grains, first), _column(grains, second)
    size = {_DIM: grains.sizes[_DIM]}
    names = (
        "correlation", "rank_correlation", "slope", "slope_std", "offset", "offset_std",
    )  # fmt: skip
    columns = map_signal(
        _correlations, one, dim=_DIM, also=[other],
        output_dims=[size, size, *[{}] * 8],
        dtypes=[*[np.float64] * 8, np.int64, np.uint8],
    )  # fmt: skip
    units = [grains[name].attrs.get("units") for name in (first, second)]
    rise = product((units[1], 1), (units[0], -1))
    stated = {
        "first": units[0], "second": units[1],
        **dict(zip(names, ("1", "1", rise, rise, units[1], units[1]), strict=True)),
        "number": "1", "status": "1",
    }  # fmt: skip
    made = result(
        **{name: (each, stated[name]) for name, each in zip(stated, columns, strict=True)}
    )
    for name, words in (("first", first), ("second", second)):
        made[name].attrs |= {"long_name": words.replace("_", " "), "quantity": words}
    return made.assign_coords({_DIM: grains[_DIM]}) if _DIM in grains.coords else made


def _column(grains: xr.Dataset, name: str, dim: str = _DIM) -> xr.DataArray:
    """Return a variable along the grains, without its description."""
    if not isinstance(grains, xr.Dataset) or dim not in grains.dims:
        message = f"expected a table of {dim}s, a Dataset along {dim!r} as of `measure_grains`"
        raise DataError(message)
    known = sorted(str(each) for each in grains.data_vars if dim in grains[each].dims)
    if name not in known:
        message = f"grains have no {name!r}; there are {known}"
        raise DataError(message)
    if grains[name].dtype.kind not in "biuf":
        message = f"{name!r} must be real numbers, got {grains[name].dtype}"
        raise DataError(message)
    return grains[name].drop_attrs(deep=False)


def _distributions(
    block: np.ndarray, weights: np.ndarray, *, bins: int, window: tuple[float, float] | None
) -> tuple[np.ndarray, ...]:
    outer = block.shape[:-1]
    tables = np.full((6, *outer, bins), np.nan)
    numbers = np.full((6, *outer), np.nan)
    count = np.zeros(outer, dtype=np.int64)
    status = np.full(outer, Status.NO_DATA, dtype=np.uint8)
    tables[2] = 0.0
    weights = np.broadcast_to(weights, block.shape)
    for place in np.ndindex(*outer):
        known = np.isfinite(block[place]) & np.isfinite(weights[place])
        values = np.asarray(block[place][known], dtype=np.float64)
        weight = np.asarray(weights[place][known], dtype=np.float64)
        if not values.size:
            continue
        status[place], count[place] = Status.CONVERGED, values.size
        total = weight.sum()
        mean = (weight * values).sum() / total
        spread = np.sqrt((weight * (values - mean) ** 2).sum() / total)
        numbers[(slice(None), *place)] = (
            mean, spread, np.median(values), values.min(), values.max(), values.sum(),
        )  # fmt: skip
        low, high = window or (values.min(), values.max())
        # All of one value have one class around it.
        high = high if high > low else low + max(abs(low) * 1e-9, 1e-300)
        edges = np.linspace(low, high, bins + 1)
        inside = np.histogram(values, edges)[0]
        part = np.histogram(values, edges, weights=weight)[0] / total
        before = weight[values < low].sum() / total
        tables[(slice(None), *place)] = (
            edges[:-1], edges[1:], inside, part, part / np.diff(edges), before + np.cumsum(part),
        )  # fmt: skip
    return (*tables[:2], tables[2].astype(np.int64), *tables[3:], *numbers, count, status)


def _correlations(block: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, ...]:
    others = np.broadcast_to(others, block.shape)
    known = np.isfinite(block) & np.isfinite(others)
    kept = [np.where(known, each, np.nan) for each in (block, others)]
    numbers = np.full((6, *block.shape[:-1]), np.nan)
    count = known.sum(axis=-1)
    status = np.where(count >= 2, Status.CONVERGED, Status.NO_DATA).astype(np.uint8)
    for place in np.ndindex(*block.shape[:-1]):
        x, y = (np.asarray(each[place][known[place]], dtype=np.float64) for each in kept)
        if x.size > 1 and np.ptp(x) > 0:
            numbers[(slice(None), *place)] = _line(x, y)
    return (*kept, *numbers, count, status)


def _line(x: np.ndarray, y: np.ndarray) -> list[float]:
    """Return correlations, and slope and offset with their deviations, of some points."""
    from scipy import stats

    away, apart = x - x.mean(), y - y.mean()
    square = (away**2).sum()
    slope = (away * apart).sum() / square
    found = [np.nan, np.nan, slope, np.nan, y.mean() - slope * x.mean(), np.nan]
    if np.ptp(y) > 0:
        ranks = [stats.rankdata(each) for each in (x, y)]
        found[0] = (away * apart).sum() / np.sqrt(square * (apart**2).sum())
        found[1] = np.clip(np.corrcoef(*ranks)[0, 1], -1.0, 1.0)
    if x.size > 2:
        left = ((apart - slope * away) ** 2).sum() / (x.size - 2)
        found[3] = np.sqrt(left / square)
        found[5] = np.sqrt(left * (1 / x.size + x.mean() ** 2 / square))
    return [float(each) for each in found]
