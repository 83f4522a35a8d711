"""Roughness of profiles, with the names of ISO 21920 and ISO 4287."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.roughness.bearing import Bearing
from omniscopy.image.roughness.surface_slopes import mean_of_finite, slopes_along
from omniscopy.image.roughness.waviness import gaussian_mean
from omniscopy.image.topography import are_lengths
from omniscopy.model import (
    DataError,
    conversion_factor,
    dims_of_kind,
    operation,
    require_dim,
    require_real,
    require_uniform,
    result,
    units_of,
)
from omniscopy.model.units import product

_HEIGHTS = ("ra", "rq", "rp", "rv", "rz", "rt", "rc", "rk", "rpk", "rvk")
_RATIOS = ("rsk", "rku", "rmr1", "rmr2")
_ALL = (*_HEIGHTS, *_RATIOS, "rsm", "rdq")
# ISO 4287:1997, 3.2.7 and 4.2.1: what is lower or shorter is no profile element.
_LOWEST, _SHORTEST = 0.1, 0.01


@operation(example={"data": "surface", "dim": "x"})
def measure_profile_roughness(
    data: xr.DataArray,
    *,
    dim: str | None = None,
    cutoff: float | None = None,
    short_cutoff: float | None = None,
    sections: int = 5,
) -> xr.Dataset:
    r"""Measure the roughness of every profile: rows or columns of an image, or single lines.

    Parameters
    ----------
    data : DataArray, shape (..., dim), any units
        Lazy or in memory, on a uniform grid. Values that are not finite are left out.
    dim : str
        Dimension of the profiles; the last spatial one otherwise.
    cutoff : float, units of the coordinate
        Wavelength :math:`\lambda_c` above which waves are no roughness, by the Gaussian filter
        of `separate_waviness`; without one, the mean alone is subtracted. It is the length of a
        section too.
    short_cutoff : float, units of the coordinate
        Wavelength :math:`\lambda_s` below which waves are noise.
    sections : int
        Parts of equal length over which extremes are averaged, where there is no `cutoff`.

    Returns
    -------
    Dataset, shape (...)
        In units of height ``ra`` (mean of the absolute value), ``rq`` (root mean square),
        ``rp``, ``rv`` and ``rz`` (highest, deepest and their sum, means over the sections),
        ``rt`` (highest to deepest over all), ``rc`` (mean height of the profile elements);
        ``rk``, ``rpk`` and ``rvk`` (core, peaks and valleys of the bearing curve).
        Without units ``rsk`` (skewness), ``rku`` (kurtosis, 3 for a normal distribution),
        ``rmr1`` and ``rmr2`` (parts of the material, 0 to 1). ``rsm`` (mean spacing of the
        profile elements) in units of the coordinate, ``rdq`` (root mean square slope).
        NaN where a profile has no value, or no element.

    Raises
    ------
    DataError
        The dimension has fewer than 2 points or is not uniform, a cut-off is out of order or
        longer than the profile, or there is no section.

    Notes
    -----
    A profile element is a peak and the valley after it. Peaks and valleys lower than 10 % of
    `rz` or shorter than 1 % of a section belong to what is beside them. The slope is that of 7
    points.

    References
    ----------
    .. [1] ISO 21920-2:2021; ISO 4287:1997, section 4.

    Examples
    --------
    >>> import omniscopy as om
    >>> rows = om.image.measure_profile_roughness(om.samples.surface(), dim="x", cutoff=200.0)
    >>> rows["ra"].dims, rows["rsm"].attrs["units"]
    (('y',), 'nm')
    """
    require_real(data)
    dim = _profile_dim(data, dim)
    step = abs(require_uniform(data, dim))
    length = step * data.sizes[dim]
    for name, value in (("cutoff", cutoff), ("short_cutoff", short_cutoff)):
        if value is not None and not 2 * step <= value <= length * (1 + 1e-9):
            message = (
                f"{name} must lie between two steps and the profile, {length:g}; got {value!r}"
            )
            raise DataError(message)
    if cutoff is not None and short_cutoff is not None and not short_cutoff < cutoff:
        message = f"short_cutoff {short_cutoff!r} must be below the cutoff {cutoff!r}"
        raise DataError(message)
    if sections < 1 or sections > data.sizes[dim]:
        message = f"sections must be between 1 and the {data.sizes[dim]} points, got {sections!r}"
        raise DataError(message)
    lengths = are_lengths(data, (dim, dim))
    base, units = units_of(data, dim), data.attrs.get("units")
    factor = conversion_factor(str(units), str(base)) if lengths else 1.0
    count = sections if cutoff is None else int(length / cutoff * (1 + 1e-9))

    def run(block: np.ndarray) -> tuple[np.ndarray, ...]:
        profiles = np.asarray(block, dtype=np.float64)
        if short_cutoff is not None:
            profiles = gaussian_mean(profiles, short_cutoff, [step])
        if cutoff is not None:
            profiles = profiles - gaussian_mean(profiles, cutoff, [step])
        made = np.full((len(_ALL), *block.shape[:-1]), np.nan)
        for place in np.ndindex(*block.shape[:-1]):
            profile = profiles[place]
            if np.isfinite(profile).any():
                found = _measured(_centred(profile), step, factor, count)
                made[(slice(None), *place)] = [found[name] for name in _ALL]
        return tuple(made)

    columns = map_signal(run, data, dim=dim, output_dims=[{}] * len(_ALL))
    stated = dict.fromkeys(_HEIGHTS, units) | dict.fromkeys(_RATIOS, "1") | {
        "rsm": base, "rdq": "1" if lengths else product((units, 1), (base, -1)),
    }  # fmt: skip
    found = dict(zip(_ALL, columns, strict=True))
    return result(**{name: (found[name], stated[name]) for name in _ALL})


def _profile_dim(data: xr.DataArray, dim: str | None) -> str:
    if dim is None:
        spatial = dims_of_kind(data, "spatial")
        if not spatial:
            message = f"dimensions {tuple(data.dims)}: name that of the profiles with `dim=`"
            raise DataError(message)
        dim = "x" if "x" in spatial else spatial[-1]
    require_dim(data, dim, ascending=False, at_least=2)
    return dim


def _centred(profile: np.ndarray) -> np.ndarray:
    """Return a profile without its mean; nothing but rounding left is zero."""
    largest = float(np.nanmax(np.abs(profile)))
    centred = profile - mean_of_finite(profile)
    flat = float(np.nanmax(np.abs(centred))) <= 1e-13 * largest
    return np.where(np.isfinite(profile), 0.0, np.nan) if flat else centred


def _measured(profile: np.ndarray, step: float, factor: float, sections: int) -> dict[str, float]:
    """Return all that is measured of one profile."""
    z = profile[np.isfinite(profile)]
    rq = float((z**2).mean()) ** 0.5
    highest, deepest = _section_extremes(profile, sections)
    spacing, height = profile_elements(
        profile, step, lowest=_LOWEST * (highest + deepest),
        shortest=_SHORTEST * step * profile.size / sections,
    )  # fmt: skip
    core = {f"r{name[1:]}": value for name, value in Bearing.of(z).core().items()}
    slopes = slopes_along(profile, step, -1)
    return {
        "ra": float(np.abs(z).mean()),
        "rq": rq,
        "rp": highest,
        "rv": deepest,
        "rz": highest + deepest,
        "rt": float(z.max() - z.min()),
        "rc": height,
        "rsk": float((z**3).mean()) / rq**3 if rq > 0 else np.nan,
        "rku": float((z**4).mean()) / rq**4 if rq > 0 else np.nan,
        "rsm": spacing,
        "rdq": factor * mean_of_finite(slopes**2) ** 0.5,
        "rk": core["rk"],
        "rpk": core["rpk"],
        "rvk": core["rvk"],
        "rmr1": core["rmr1"],
        "rmr2": core["rmr2"],
    }


def _section_extremes(profile: np.ndarray, sections: int) -> tuple[float, float]:
    """Return the means over sections of the highest and of the deepest point of each."""
    parts = [part[np.isfinite(part)] for part in np.array_split(profile, sections)]
    kept = [part for part in parts if part.size]
    return (
        float(np.mean([part.max() for part in kept])),
        float(-np.mean([part.min() for part in kept])),
    )


def profile_elements(
    profile: np.ndarray, step: float, *, lowest: float, shortest: float
) -> tuple[float, float]:
    """Return the mean spacing and the mean height of the elements of a profile.

    An element begins where the profile rises through zero to a peak that is high and long
    enough, after a valley that is so too. NaN where there is no complete one.
    """
    finite = np.flatnonzero(np.isfinite(profile))
    x, z = step * finite, profile[finite]
    above = z > 0
    turns = np.flatnonzero(above[1:] != above[:-1])
    crossings = x[turns] - z[turns] * (x[turns + 1] - x[turns]) / (z[turns + 1] - z[turns])
    rises: list[float] = []
    heights: list[float] = []
    valley, peak, low = False, 0.0, 0.0
    for number in range(1, len(turns)):
        begin, end = turns[number - 1] + 1, turns[number] + 1
        extreme = float(np.max(np.abs(z[begin:end])))
        length = float(crossings[number] - crossings[number - 1])
        if extreme < lowest or length < shortest:
            continue
        if above[begin]:
            if valley or not rises:
                if rises:
                    heights.append(peak + low)
                rises.append(float(crossings[number - 1]))
                peak, low = 0.0, 0.0
            peak, valley = max(peak, extreme), False
        else:
            low, valley = max(low, extreme), True
    if len(rises) < 2:
        return float("nan"), float("nan")
    return (rises[-1] - rises[0]) / (len(rises) - 1), float(np.mean(heights))
