"""Data as few components and a few values that are none of theirs."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.native_threads import native_threads_held
from omniscopy.model import DataError, Status, labelled, operation, result
from omniscopy.signal.decomposition.matrices import matrix_of

# Steps end when no value changes by more than this part of the largest singular value.
_SETTLED = 1e-7
# The weight falls by this at each step, to what noise asks for.
_FALL = 0.8
# Singular values and outliers below this part of the largest are rounding.
_ROUNDING = 1e-6
# How often outliers are told from noise anew, whose deviation is so many medians of its size.
_FITS, _PER_MEDIAN = 8, 1.4826


@operation(example={"data": "drifting_spectra"})
def separate_outliers(
    data: xr.DataArray,
    *,
    dim: str | Sequence[str] | None = None,
    sparsity: float = 1.0,
    noise: float | None = None,
    max_steps: int = 300,
) -> xr.Dataset:
    r"""Separate data into few components and sparse outliers: robust principal components.

    For stacks and maps in which a few values are wrong by much, wherever they lie: cosmic rays,
    particles that move over a background, glitches of a detector.

    Parameters
    ----------
    data : DataArray, any dimensions and units
        Lazy data stay lazy, but are worked on as a whole, in memory.
    dim : str or sequence of str
        Dimensions of a component; those of the signal otherwise. All others are pooled: their
        points are the samples.
    sparsity : float, 1
        Of outliers, relative to what is right for data of which any value may be one: fewer
        the larger it is.
    noise : float, units of `data`
        Standard deviation of the noise; 0 for data without. Measured from the median of the
        singular values otherwise.
    max_steps : int
        At most.

    Returns
    -------
    Dataset, shape and units of `data`
        ``low_rank``, what few components make, and ``outliers``, 0 where there is none: what they
        leave of `data` is noise. ``rank``, the number of components; ``noise``, its standard
        deviation; ``steps``; ``status`` of each sample: 0, 1 (max steps) after `max_steps`, 4 (no
        data) where a value is not finite. Such samples are left out, and NaN.

    Raises
    ------
    DataError
        An option is out of its range, or data are no matrix of at least 2 samples and channels.

    Notes
    -----
    The minimum of :math:`\mu (\|L\|_* + \lambda \|S\|_1) + \tfrac12 \|D - L - S\|^2` [1]_ with
    :math:`\lambda` = `sparsity` :math:`/ \sqrt{\max(n, m)}` and :math:`\mu = \sigma \sqrt{2
    \max(n, m)}` [2]_, found by turns with a weight that falls. It makes L and S smaller than they
    are: where S is not 0, values are taken as missing, and L is the best matrix of its rank for the
    others. Outliers are what is then further from it than any of so many values of noise,
    :math:`\sigma \sqrt{2 \ln (n m)}`, and it is fitted anew.

    References
    ----------
    .. [1] E. J. Candès, X. Li, Y. Ma, J. Wright, *J. ACM* 58, 11 (2011).
    .. [2] Z. Zhou et al., *Proc. IEEE ISIT* 2010, 1518 (2010).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.signal.separate_outliers(om.samples.spectrum_image())
    >>> float((found["outliers"] != 0).mean()) < 0.01
    True
    """
    if not 0.0 < sparsity < np.inf:
        message = f"sparsity must be above 0, got {sparsity!r}"
        raise DataError(message)
    if noise is not None and not 0.0 <= noise < np.inf:
        message = f"noise must be 0 or more, in the units of the data, got {noise!r}"
        raise DataError(message)
    if max_steps < 1:
        message = f"max_steps must be at least 1, got {max_steps!r}"
        raise DataError(message)
    matrix = matrix_of(data, dim)
    samples, channels = list(matrix.samples), list(matrix.channels)
    if min(np.prod([data.sizes[d] for d in part], initial=1) for part in (samples, channels)) < 2:
        message = f"data must have at least 2 samples and 2 channels, got {dict(data.sizes)}"
        raise DataError(message)
    if data.dtype.kind not in "biuf":
        message = f"data must be real numbers, got {data.dtype}"
        raise DataError(message)
    ordered = data.transpose(*samples, *channels)
    whole = {str(name): ordered.sizes[name] for name in ordered.dims}
    made = map_signal(
        _separated, ordered, dim=[str(name) for name in ordered.dims],
        output_dims=[whole, whole, {}, {}, {}, {str(name): data.sizes[name] for name in samples}],
        dtypes=[np.float64] * 3 + [np.float64, np.int64, np.uint8],
        parameters={
            "count": len(samples), "sparsity": float(sparsity), "noise": noise,
            "max_steps": int(max_steps),
        },
    )  # fmt: skip
    low_rank, outliers, rank, sigma, steps, status = made
    units = data.attrs.get("units")
    found = result(
        None, dict(data.coords),
        low_rank=(low_rank.transpose(*data.dims), units),
        outliers=(outliers.transpose(*data.dims), units),
        rank=(rank.astype(np.int64), "1"), noise=(sigma, units), steps=(steps, "1"),
        status=(status, "1"),
    )  # fmt: skip
    found["low_rank"] = labelled(found["low_rank"], units=units, **_kept(data))
    return found


def _kept(data: xr.DataArray) -> dict[str, object]:
    names = ("long_name", "quantity", "signal_type", "modality", "source", "metadata")
    return {name: data.attrs[name] for name in names if name in data.attrs}


def _separated(
    block: np.ndarray, *, count: int, sparsity: float, noise: float | None, max_steps: int
) -> tuple[np.ndarray, ...]:
    """Return both parts, the rank, the noise, the steps and the status of whole data."""
    rows = int(np.prod(block.shape[:count]))
    values = np.asarray(block, dtype=np.float64).reshape(rows, -1)
    usable = np.isfinite(values).all(axis=1)
    low, sparse = (np.full(values.shape, np.nan) for _ in range(2))
    status = np.where(usable, Status.CONVERGED, Status.NO_DATA).astype(np.uint8)
    rank, sigma, steps = 0, np.nan, 0
    if usable.any() and np.abs(values[usable]).max() > 0:
        # Small eigenproblems are slower by threads that wait for each other.
        with native_threads_held():
            low[usable], sparse[usable], rank, sigma, steps = _pursue(
                values[usable], sparsity, noise, max_steps
            )
        if steps >= max_steps:
            status[usable] = Status.MAX_STEPS
    elif usable.any():
        low[usable] = sparse[usable] = 0.0
    return (
        low.reshape(block.shape), sparse.reshape(block.shape), np.array(float(rank)),
        np.array(sigma), np.array(steps), status.reshape(block.shape[:count]),
    )  # fmt: skip


def _pursue(
    data: np.ndarray, sparsity: float, noise: float | None, max_steps: int
) -> tuple[np.ndarray, np.ndarray, int, float, int]:
    """Return both parts, the rank, the noise and the steps of a matrix."""
    longer = max(data.shape)
    weight = sparsity / np.sqrt(longer)
    singular = _spectrum(data)[0]
    largest = float(singular.max())
    sigma = _noise_of(singular, data.shape) if noise is None else float(noise)
    least = max(sigma * np.sqrt(2.0 * longer), 1e-6 * largest)
    mu = max(0.5 * largest, least)
    low, sparse = np.zeros_like(data), np.zeros_like(data)
    steps, rank = 0, 0
    for steps in range(1, max_steps + 1):  # noqa: B007 - how many there were
        before = low
        low, rank = _shrunk(data - sparse, mu)
        left = data - low
        sparse = np.sign(left) * np.maximum(np.abs(left) - mu * weight, 0.0)
        if mu <= least and np.abs(low - before).max() <= _SETTLED * largest:
            break
        mu = max(_FALL * mu, least)
    outlier = np.abs(sparse) > _ROUNDING * np.abs(data).max()
    for _ in range(_FITS):
        low = _completed(data, outlier, low, rank, _SETTLED * largest)
        left = np.abs(data - low)
        limit = _PER_MEDIAN * float(np.median(left)) * np.sqrt(2.0 * np.log(data.size))
        found = left > max(limit, _ROUNDING * np.abs(data).max())
        if np.array_equal(found, outlier):
            break
        outlier = found
    sparse = np.where(outlier, data - low, 0.0)
    free = max(data.size - outlier.sum() - rank * (sum(data.shape) - rank), 1)
    left = np.where(outlier, 0.0, data - low)
    return low, sparse, rank, float(np.sqrt((left**2).sum() / free)), steps


def _completed(
    data: np.ndarray, missing: np.ndarray, start: np.ndarray, rank: int, settled: float
) -> np.ndarray:  # fmt: skip
    """Return the matrix of some rank that is nearest to data where these are not missing."""
    low = start
    for _ in range(100):
        before = low
        low = _truncated(np.where(missing, low, data), rank)
        if np.abs(low - before).max() <= settled:
            break
    return low


def _noise_of(singular: np.ndarray, shape: tuple[int, ...]) -> float:
    """Return the noise that makes the median of singular values: Gavish and Donoho, 2014."""
    ratio = min(shape) / max(shape)
    x = np.linspace((1 - np.sqrt(ratio)) ** 2, (1 + np.sqrt(ratio)) ** 2, 4001)[1:-1]
    density = np.sqrt(np.maximum((x[-1] - x) * (x - x[0]), 0.0)) / x
    share = np.cumsum(density)
    median = float(np.interp(0.5 * share[-1], share, x))
    return float(np.median(singular)) / np.sqrt(median * max(shape))


def _spectrum(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the singular values and the vectors of the shorter side."""
    wide = values.shape[0] <= values.shape[1]
    gram = values @ values.T if wide else values.T @ values
    squares, vectors = np.linalg.eigh(gram)
    return np.sqrt(np.maximum(squares, 0.0)), vectors


def _project(values: np.ndarray, vectors: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Return a matrix whose singular values are multiplied by factors."""
    some = factor > 0
    vectors, factor = vectors[:, some], factor[some]
    if values.shape[0] <= values.shape[1]:
        return np.asarray((vectors * factor) @ (vectors.T @ values))
    return np.asarray((values @ vectors) * factor @ vectors.T)


def _shrunk(values: np.ndarray, by: float) -> tuple[np.ndarray, int]:
    """Return a matrix whose singular values are less by some amount, and its rank."""
    singular, vectors = _spectrum(values)
    factor = np.maximum(1.0 - by / np.maximum(singular, 1e-300), 0.0)
    return _project(values, vectors, factor), int((factor > 0).sum())


def _truncated(values: np.ndarray, rank: int) -> np.ndarray:
    """Return the best matrix of some rank."""
    singular, vectors = _spectrum(values)
    return _project(values, vectors, (np.arange(len(singular)) >= len(singular) - rank) * 1.0)
