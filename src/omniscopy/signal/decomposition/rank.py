"""How many components stand out from noise."""

from typing import Any, Literal

import numpy as np
import xarray as xr

from omniscopy.model import DataError, Status, operation, result
from omniscopy.signal.decomposition.reconstruction import require_decomposition

# Quantile of 99 % of the Tracy-Widom distribution of real noise.
_RARE = 2.02


@operation(example={"ds": "decomposition"})
def estimate_rank(
    ds: xr.Dataset,
    *,
    method: Literal["marchenko_pastur", "gavish_donoho", "elbow"] = "marchenko_pastur",
) -> xr.Dataset:
    r"""Estimate how many components of a decomposition are more than noise.

    Parameters
    ----------
    ds : Dataset
        What `decompose` returned for "svd" or "pca": of counts with ``noise="poisson"``, and with
        more components than are expected.
    method : {"marchenko_pastur", "gavish_donoho", "elbow"}
        What components are counted: those larger than white noise makes in 99 of 100 cases;
        those that are better kept than left out of a reconstruction; or those before the bend of
        the logarithmic scree plot, whatever the noise.

    Returns
    -------
    Dataset
        ``rank``, the number of components before the first that does not count: that of all
        where all do. ``threshold``, the singular value up to which they do not count, and
        ``noise``, the standard deviation of what the components that count leave; both in units
        of the singular values.

    Raises
    ------
    DataError
        `ds` holds no singular values, or `method` is unknown.

    Notes
    -----
    Noise :math:`\sigma` in `n` samples of `m` channels makes singular values up to
    :math:`\sigma (\sqrt{n} + \sqrt{m})`, with a scatter that is known [1]_. The best threshold for
    a reconstruction is :math:`\sigma \lambda(\beta) \sqrt{\max(n, m)}` [2]_. The noise is measured
    by what the components before leave. The bend is where the plot is farthest below the line
    between its ends.

    References
    ----------
    .. [1] I. M. Johnstone, *Ann. Stat.* 29, 295 (2001), theorem 1.1.
    .. [2] M. Gavish, D. L. Donoho, *IEEE Trans. Inf. Theory* 60, 5040 (2014), equation 11.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.signal.decompose(om.samples.spectrum_image(), 8, noise="poisson")
    >>> int(om.signal.estimate_rank(found)["rank"])
    2
    """
    require_decomposition(ds, "singular_values", "explained_variance_ratio", "status")
    if method not in _EDGES and method != "elbow":
        message = f"method must be one of {(*_EDGES, 'elbow')}, got {method!r}"
        raise DataError(message)
    if not ds.sizes["component"]:
        message = "there are no components of which any could count"
        raise DataError(message)
    of_samples, of_channels = {*ds["loadings"].dims}, {*ds["components"].dims}
    samples, channels = of_samples - of_channels, of_channels - of_samples - {"component"}
    present = (ds["status"] != Status.NO_DATA).sum(samples) - int("mean" in ds)
    columns = int(np.prod([ds.sizes[dim] for dim in channels]))
    parts = [
        ds[name].drop_attrs(deep=False).chunk(component=-1)
        if ds[name].chunks is not None
        else ds[name].drop_attrs(deep=False)
        for name in ("singular_values", "explained_variance_ratio")
    ]
    rank, threshold, noise = xr.apply_ufunc(
        _count, *parts, present.drop_attrs(deep=False),
        input_core_dims=[["component"], ["component"], []], output_core_dims=[[], [], []],
        kwargs={"columns": columns, "method": method}, vectorize=True, dask="parallelized",
        output_dtypes=[np.int64, np.float64, np.float64],
    )  # fmt: skip
    units = ds["singular_values"].attrs.get("units")
    return result(
        {"method": method}, rank=(rank, "1"), threshold=(threshold, units), noise=(noise, units)
    )


def _count(
    singular: np.ndarray, parts: np.ndarray, rows: Any, *, columns: int, method: str
) -> tuple[int, float, float]:
    """Return the number of components that count, the threshold and the noise."""
    if not (np.isfinite(singular).all() and parts[0] > 0):
        return 0, np.nan, np.nan
    squares = singular.astype(np.float64) ** 2
    total = squares[0] / float(parts[0])
    left = np.maximum(total - np.concatenate([[0.0], np.cumsum(squares)]), 0.0)
    # Each component that is taken out takes a sample and a channel with it.
    free = np.maximum(
        np.array([max(rows, columns), min(rows, columns)])[:, None] - np.arange(len(left)), 0
    )
    noise = np.sqrt(left / np.maximum(free[0] * free[1], 1))
    if method == "elbow":
        rank = _bend(squares)
        return rank, float(singular[min(rank, len(singular) - 1)]), float(noise[rank])
    edges = noise * _EDGES[method](*np.maximum(free, 1).astype(np.float64))
    counts = singular > edges[:-1]
    rank = len(counts) if counts.all() else int(np.argmin(counts))
    return rank, float(edges[rank]), float(noise[rank])


def _noise_edge(rows: np.ndarray, columns: np.ndarray) -> Any:
    """Return the largest singular value of unit noise, of which 1 % are larger."""
    one, other = np.sqrt(np.maximum(rows - 1, 1)), np.sqrt(columns)
    spread = (one + other) * (1 / one + 1 / other) ** (1 / 3)
    return np.sqrt((one + other) ** 2 + _RARE * spread)


def _best_threshold(rows: np.ndarray, columns: np.ndarray) -> Any:
    """Return the singular value of unit noise below which a component is better left out."""
    ratio = columns / rows
    root = np.sqrt(ratio**2 + 14 * ratio + 1)
    return np.sqrt(rows * (2 * (ratio + 1) + 8 * ratio / (ratio + 1 + root)))


_EDGES = {"marchenko_pastur": _noise_edge, "gavish_donoho": _best_threshold}


def _bend(squares: np.ndarray) -> int:
    """Return how many components are before the bend of the logarithmic scree plot."""
    heights = np.log(squares[squares > 0])
    if len(heights) < 3:
        return len(heights)
    line = np.linspace(heights[0], heights[-1], len(heights))
    return int(np.argmax(line - heights))
