"""How patterns of a disordered sample fluctuate from place to place."""

from typing import Literal, get_args

import xarray as xr

from omniscopy.diffraction.detectors import Centre
from omniscopy.diffraction.reductions.reading import answers, scan_of
from omniscopy.diffraction.reductions.wanted import COUNTS, RadialProfile, SquaredProfile
from omniscopy.model import (
    DataError,
    operation,
    require_choice,
    require_plane,
    require_real,
    result,
)

Kind = Literal["ring", "annular_mean", "mean_ring"]


@operation(example={"data": "nanobeam_4d", "step": 0.5, "centre": (0.15, -0.25)})
def measure_fluctuations(
    data: xr.DataArray,
    step: float | None = None,
    *,
    kind: Kind = "ring",
    centre: Centre = "auto",
    centres: xr.Dataset | None = None,
    subtract_shot_noise: bool = True,
    dead: xr.DataArray | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Measure the normalised variance of fluctuation electron microscopy.

    Parameters
    ----------
    data : DataArray, shape (..., y, x, ky, kx)
        Lazy or in memory.
    step : float, units of the coordinates
        Width of a ring; that of a pixel otherwise.
    kind : {"ring", "annular_mean", "mean_ring"}
        The variance in the rings of each pattern, averaged over the scan (V of Omega); that of
        annular means from place to place (V of the mean ring); or that within rings, where
        averages over the scan are taken first.
    centre : (ky, kx) or "auto", units of the coordinates
        Where the rings are; "auto" for the middle of the disc in the mean pattern.
    centres : Dataset, shape (y, x) or less
        Where they are at each position, when the centre is "auto".
    subtract_shot_noise : bool
        Take off what Poisson noise adds, where `data` are in counts or electrons; it is little
        for annular means, of which it is not taken off.
    dead : DataArray of bool, shape (ky, kx)
        Pixels that are left out, as of `find_dead_pixels`.
    dims : (str, str)
        The dimensions of the patterns; the last two reciprocal ones otherwise.

    Returns
    -------
    Dataset, shape (..., k)
        ``variance``, a pure number, with ``variance_std`` from how much positions of the scan
        differ, and the ``mean`` profile in units of `data`. NaN where a ring holds no pixel or
        nothing was counted.

    Raises
    ------
    DataError
        There is no scan, or no two reciprocal dimensions in the same units.

    Notes
    -----
    :math:`V = \langle I^2 \rangle / \langle I \rangle^2 - 1` [1]_; counts of mean
    :math:`\langle I \rangle` add :math:`1 / \langle I \rangle` to it. Standard deviations are those
    of a mean over positions, to first order for quotients of means; positions that are nearer to
    each other than the probe is wide are not independent, and they are too small then.

    References
    ----------
    .. [1] T. L. Daulton, K. S. Bondi and K. F. Kelton, *Ultramicroscopy* 110, 1279 (2010).

    Examples
    --------
    >>> import omniscopy as om
    >>> om.diffraction.measure_fluctuations(om.samples.nanobeam_4d(), 0.5)["variance"].dims
    ('k',)
    """
    require_choice("kind", kind, get_args(Kind))
    dims = require_plane(data, dims, kind="reciprocal", at_least=1)
    require_real(data)
    over = scan_of(data, dims)
    if not over:
        message = f"dimensions {tuple(data.dims)} are those of one pattern; there is no scan"
        raise DataError(message)
    asked = {
        "profile": RadialProfile(step, centre=centre), "square": SquaredProfile(step, centre=centre)
    }  # fmt: skip
    if kind == "annular_mean":
        del asked["square"]
    found = answers(data, asked, dims, centres=centres, dead=dead)
    profile = found["profile"][0]
    mean = profile.mean(over)
    counted = subtract_shot_noise and data.attrs.get("units") in COUNTS
    if kind == "ring":
        usable = profile.where(profile > 0)
        each = found["square"][0] / usable**2 - 1
        each = each - 1 / usable if counted else each
        variance = each.mean(over)
    else:
        noise = counted and kind == "mean_ring"
        known = mean.where(mean > 0 if kind == "mean_ring" else mean != 0)
        square = found["square"][0] if kind == "mean_ring" else profile**2
        ratio = square.mean(over) / known**2
        variance = ratio - 1 - (1 / known if noise else 0)
        # What each position adds to the quotient of means, to first order.
        each = square / known**2 - 2 * ratio * profile / known
        each = each + profile / known**2 if noise else each
    count = each.count(over)
    squares = ((each - each.mean(over)) ** 2).sum(over)
    spread = (squares / count.where(count > 1) / (count - 1)) ** 0.5
    return result(
        None, variance=(variance, "1"), variance_std=(spread, "1"),
        mean=(mean, data.attrs.get("units")),
    )  # fmt: skip
