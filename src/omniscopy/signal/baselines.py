"""Baselines: what a spectrum would be without its peaks."""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.compute.threads import share_spectra
from omniscopy.model import (
    DataError,
    labelled,
    operation,
    require_array,
    require_dim,
    require_real,
    require_window,
)
from omniscopy.signal.axes import require_length, require_sorted, require_step
from omniscopy.signal.noise import spectral_dim
from omniscopy.signal.precision import single_or_double

Method = Literal["arpls", "als", "snip", "polynomial", "rolling_ball"]
Regions = Sequence[tuple[float, float]]

# Of the whole axis: how wide the widest peak may be where nobody says it.
_WIDTH = 0.5
_ASYMMETRY, _DEGREE, _HIGHEST_DEGREE = 0.01, 3, 20
_COUNTED = ("counts", "electrons")
# What still describes a spectrum without its baseline.
_KEPT = ("long_name", "quantity", "signal_type")


@operation(example={"data": "spectrum_image"})
def estimate_baseline(
    data: xr.DataArray,
    dim: str | None = None,
    *,
    method: Method = "arpls",
    width: float | None = None,
    asymmetry: float | None = None,
    degree: int | None = None,
    regions: Regions | None = None,
    max_steps: int = 50,
) -> xr.DataArray:
    r"""Estimate the smooth baseline that the peaks of every spectrum stand on.

    Parameters
    ----------
    data : DataArray, shape (..., dim)
        Lazy or in memory. The coordinate may descend; for "arpls", "als" and "polynomial" it
        need not be uniform.
    dim : str
        Dimension of the spectra; the only one of the signal otherwise.
    method : {"arpls", "als", "snip", "polynomial", "rolling_ball"}
        "arpls" goes through the middle of the noise; "als" below most of it; "snip" and
        "rolling_ball" along its lower edge, and keep to steep and bent backgrounds;
        "polynomial" is as stiff as its degree.
    width : float, units of the coordinate
        What is narrower is a peak, what is wider is baseline: see the notes. Half of the axis
        otherwise.
    asymmetry : float
        Of "als": the weight of what lies above the baseline, 0.01 otherwise; what lies below
        has one minus it.
    degree : int
        Of "polynomial": 3 otherwise.
    regions : sequence of (low, high), units of the coordinate
        Where there are no peaks: only these are fitted, all of them, and above and below weigh
        the same. For "arpls", "als" and "polynomial".
    max_steps : int
        How often weights are made anew, or values clipped, at most.

    Returns
    -------
    DataArray, shape (..., dim), units of `data`
        In single precision where `data` have it. NaN for spectra of which fewer channels than
        two (or `degree` + 1) are finite; where single channels are missing the baseline goes
        on. A constant spectrum is its own baseline.

    Raises
    ------
    DataError
        The dimension is missing, not sorted, or not uniform where it must be; `width` is less
        than 3 channels or more than the axis; a region lies outside; an option is not one of
        the method.

    Notes
    -----
    "als" [1]_ and "arpls" [2]_ minimise :math:`\int w (y - z)^2 dx + \ell^4 \int z''^2 dx` with
    :math:`\ell = width / 2 \pi`, of which :math:`\lambda = (\ell / h)^4` follows for a step
    :math:`h`. A wave of period `width` is followed by half where all weights are 1, whatever the
    sampling. "snip" [3]_ [4]_ lowers each channel to the mean of its neighbours on both sides,
    from `width` / 2 away inwards, of counts in doubly logarithmic scale. "polynomial" lowers
    values above the fit to the fit plus the noise (`estimate_noise`), and fits again [5]_ [6]_.
    "rolling_ball" takes the largest of the smallest values in a window, smoothed over it [7]_.

    References
    ----------
    .. [1] P. H. C. Eilers and H. F. M. Boelens, *Baseline Correction with Asymmetric Least
       Squares Smoothing*, Leiden University Medical Centre (2005).
    .. [2] S.-J. Baek et al., *Analyst* 140, 250 (2015).
    .. [3] C. G. Ryan et al., *Nucl. Instrum. Methods B* 34, 396 (1988).
    .. [4] M. Morháč et al., *Nucl. Instrum. Methods A* 401, 113 (1997).
    .. [5] C. A. Lieber and A. Mahadevan-Jansen, *Appl. Spectrosc.* 57, 1363 (2003).
    .. [6] J. Zhao et al., *Appl. Spectrosc.* 61, 1225 (2007), for the noise.
    .. [7] M. A. Kneen and H. J. Annegarn, *Nucl. Instrum. Methods B* 109/110, 209 (1996).

    Examples
    --------
    >>> import omniscopy as om
    >>> free = [(1.5, 1.6), (3.1, 3.2)]
    >>> baseline = om.signal.estimate_baseline(om.samples.spectrum(), regions=free)
    >>> round(float(baseline.mean()), -1)
    70.0
    """
    require_real(data)
    dim = spectral_dim(data, dim, at_least=3)
    x = require_sorted(data, dim)
    _require_options(method, asymmetry, degree, width, regions)
    if max_steps < 1:
        message = f"max_steps must be at least 1, got {max_steps}"
        raise DataError(message)
    run: Callable[[np.ndarray], np.ndarray]
    if method == "polynomial":
        degree = _DEGREE if degree is None else degree
        used = _used(data, dim, regions, at_least=degree + 1)
        run = _polynomial(x, degree, used, max_steps=max_steps)
    else:
        width = _WIDTH * len(x) * float(np.abs(np.diff(x)).mean()) if width is None else width
        channels = require_length(data, dim, width, name="width", at_least=3)
        if method in ("arpls", "als"):
            used = _used(data, dim, regions, at_least=2)
            run = _whittaker(method, x, width, used, asymmetry=asymmetry, max_steps=max_steps)
        else:
            require_step(data, dim, what=f"method {method!r}")
            run = _clipping(method, channels, counts=data.attrs.get("units") in _COUNTED)
    kind = single_or_double(data.dtype)
    (baseline,) = map_signal(
        lambda block: share_spectra(run, block, size=len(x), dtype=kind),
        data, dim=dim, output_dims=[{dim: len(x)}], dtypes=[kind],
    )  # fmt: skip
    baseline = baseline.assign_coords({dim: data.coords[dim]}).transpose(*data.dims)
    return labelled(
        baseline, units=data.attrs.get("units"), long_name="baseline", quantity="baseline"
    )


@operation(example={"data": "spectrum_image"})
def subtract_baseline(
    data: xr.DataArray,
    dim: str | None = None,
    *,
    method: Method = "arpls",
    width: float | None = None,
    asymmetry: float | None = None,
    degree: int | None = None,
    regions: Regions | None = None,
    max_steps: int = 50,
) -> xr.DataArray:
    """Subtract from every spectrum the smooth baseline that its peaks stand on.

    Parameters
    ----------
    data : DataArray, shape (..., dim)
        Lazy or in memory.
    dim : str
        Dimension of the spectra; the only one of the signal otherwise.
    method : {"arpls", "als", "snip", "polynomial", "rolling_ball"}
        As in `estimate_baseline`, and all that follows.
    width : float, units of the coordinate
        What is narrower is a peak, what is wider is baseline; half of the axis otherwise.
    asymmetry : float
        Of "als": the weight of what lies above the baseline.
    degree : int
        Of "polynomial".
    regions : sequence of (low, high), units of the coordinate
        Where there are no peaks.
    max_steps : int
        How often weights are made anew, or values clipped, at most.

    Returns
    -------
    DataArray, shape (..., dim), units of `data`
        NaN where `data` are, and where there is no baseline.

    Raises
    ------
    DataError
        As in `estimate_baseline`.

    Notes
    -----
    :math:`y - b` with the baseline b of `estimate_baseline`, which names the methods' sources.

    Examples
    --------
    >>> import omniscopy as om
    >>> lines = om.signal.subtract_baseline(om.samples.spectrum(), method="snip")
    >>> round(float(lines.idxmax("energy")), 1)
    2.3
    """
    require_array(data)
    baseline = estimate_baseline(
        data, dim, method=method, width=width, asymmetry=asymmetry, degree=degree,
        regions=regions, max_steps=max_steps,
    )  # fmt: skip
    kept = {key: data.attrs[key] for key in _KEPT if key in data.attrs}
    difference = data.astype(baseline.dtype) - baseline
    return labelled(difference, units=data.attrs.get("units"), **kept)


def _polynomial(
    x: np.ndarray, degree: int, used: np.ndarray | None, *, max_steps: int
) -> Callable[[np.ndarray], np.ndarray]:
    from omniscopy.signal.clipping import fit_polynomial

    weights = np.ones(len(x), dtype=bool) if used is None else used
    return lambda spectra: fit_polynomial(
        spectra, x, degree, used=weights, clips=used is None, max_steps=max_steps
    )


def _whittaker(
    method: str,
    x: np.ndarray,
    width: float,
    used: np.ndarray | None,
    *,
    asymmetry: float | None,
    max_steps: int,
) -> Callable[[np.ndarray], np.ndarray]:
    from omniscopy.signal import whittaker

    penalty, weights = whittaker.penalty_of(x, width), whittaker.cells_of(x)
    kind = {"als": whittaker.ALS, "arpls": whittaker.ARPLS}[method]
    if used is not None:
        weights, kind = np.where(used, weights, 0.0), whittaker.SMOOTH
    share = _ASYMMETRY if asymmetry is None else asymmetry
    return lambda spectra: whittaker.solve_whittaker(
        spectra, penalty, weights, kind=kind, asymmetry=share, max_steps=max_steps
    )


def _clipping(method: str, channels: float, *, counts: bool) -> Callable[[np.ndarray], np.ndarray]:
    from omniscopy.signal.clipping import clip_snip, roll_ball

    if method == "snip":
        return lambda spectra: clip_snip(spectra, int(channels / 2 + 1e-9), counts=counts)
    return lambda spectra: roll_ball(spectra, int(channels + 1e-9))


def _used(
    data: xr.DataArray, dim: str, regions: Regions | None, *, at_least: int
) -> np.ndarray | None:
    """Return which channels are in one of the regions; raise where they are too few."""
    if regions is None:
        require_dim(data, dim, ascending=False, at_least=at_least)
        return None
    axis = data.coords[dim].drop_attrs()
    axis = axis if data.indexes[dim].is_monotonic_increasing else axis[::-1]
    for region in regions:
        require_window(axis, dim, region, at_least=1)
    values = data.coords[dim].values
    inside = [(values >= low) & (values <= high) for low, high in regions]
    used = np.any(inside, axis=0) if inside else np.zeros(len(values), dtype=bool)
    if np.sum(used) < at_least:
        message = (
            f"regions {list(regions)} hold {np.sum(used)} channels of {dim!r}; at least "
            f"{at_least} are needed"
        )
        raise DataError(message)
    return np.asarray(used)


def _require_options(
    method: str,
    asymmetry: float | None,
    degree: int | None,
    width: float | None,
    regions: Regions | None,
) -> None:
    if method not in get_args(Method):
        message = f"method must be one of {get_args(Method)}, got {method!r}"
        raise DataError(message)
    stray = {
        "width": width is not None and method == "polynomial",
        "degree": degree is not None and method != "polynomial",
        "asymmetry": asymmetry is not None and method != "als",
        "regions": regions is not None and method in ("snip", "rolling_ball"),
    }
    for name, is_stray in stray.items():
        if is_stray:
            message = f"{name} has no meaning for method {method!r}; leave it out"
            raise DataError(message)
    if asymmetry is not None and not 0 < asymmetry <= 0.5:
        message = f"asymmetry must be above 0 and at most 0.5, got {asymmetry!r}"
        raise DataError(message)
    if degree is not None and not 0 <= degree <= _HIGHEST_DEGREE:
        message = f"degree must be from 0 to {_HIGHEST_DEGREE}, got {degree!r}"
        raise DataError(message)
