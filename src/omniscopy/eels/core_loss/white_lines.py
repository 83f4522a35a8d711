"""White lines of transition metals and rare earths."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.eels.axes import DIM, is_counted, loss_axis
from omniscopy.model import DataError, operation, result
from omniscopy.physics.energy_loss.shells import shells_of

# Where the continuum is measured, eV beyond the second edge; after D. H. Pearson, C. C. Ahn,
# B. Fultz, Phys. Rev. B 47, 8471 (1993).
_CONTINUUM = (50.0, 100.0)


@operation(example={"data": "core_loss", "element": "Ti", "background": (395.0, 450.0)})
def measure_white_lines(
    data: xr.DataArray,
    element: str,
    *,
    background: tuple[float, float] | None = None,
    continuum: tuple[float, float] | None = None,
    width: float | None = None,
    shift: float = 0.0,
    dim: str = DIM,
) -> xr.Dataset:
    r"""Measure the white lines of an L or M edge above a continuum of two steps.

    Parameters
    ----------
    data : DataArray, shape (..., energy_loss)
        Core losses; lazy or in memory.
    element : str
        Symbol; L3 and L2 are measured, or M5 and M4 where these are within the spectrum and L is
        not.
    background : (low, high), eV
        Where a power law is fitted that is taken off; nothing is otherwise.
    continuum : (low, high), eV
        Where the continuum is measured; from 50 to 100 eV beyond the second edge otherwise, as
        far as the spectrum goes.
    width : float, eV
        Of each line's window from 3 eV below its edge on; up to the second edge, and as much from
        there, otherwise.
    shift : float, eV
        By which the edges lie above the energies in the tables.
    dim : str
        Dimension of the energy loss.

    Returns
    -------
    Dataset, shape (...)
        ``first_line`` (L3 or M5) and ``second_line`` (L2 or M4): sums above the continuum, in
        units of the data, each with ``_std`` (of counts; NaN of others); ``ratio`` of both and
        ``_std``; ``normalised``, both over the continuum's mean times the width of a window.

    Raises
    ------
    DataError
        The axis is not in eV, no such edge or continuum lies within the spectrum, or the
        background overlaps the lines.

    Notes
    -----
    The continuum rises by two thirds (three fifths) at the first edge and by the rest at the
    second [1]_.

    References
    ----------
    .. [1] D. H. Pearson, C. C. Ahn, B. Fultz, *Phys. Rev. B* 47, 8471 (1993).

    Examples
    --------
    >>> import omniscopy as om
    >>> edges = om.samples.core_loss()
    >>> om.eels.measure_white_lines(edges, "Ti", background=(395, 450))["ratio"].dims
    ('y', 'x')
    """
    from omniscopy.eels.background.backgrounds import subtract_background

    axis = loss_axis(data, dim, at_least=8, uniform=True)
    known = {shell.name: shell.energy + shift for shell in shells_of(element)}
    pairs = [
        (known[a], known[b], share) for a, b, share in (("L3", "L2", 2 / 3), ("M5", "M4", 3 / 5))
        if a in known and axis.energy[0] < known[a] - 3.0 and known[b] + 5.0 < axis.energy[-1]
    ]  # fmt: skip
    if not pairs:
        message = (
            f"neither L3 and L2 nor M5 and M4 of {element} lie within {axis.energy[0]:g} to "
            f"{axis.energy[-1]:g} eV"
        )
        raise DataError(message)
    one, other, share = pairs[0]
    reach = other - one if width is None else width
    if not reach > 0:
        message = f"width must be above 0 eV, got {width!r}"
        raise DataError(message)
    ends = continuum or (other + _CONTINUUM[0], min(other + _CONTINUUM[1], axis.energy[-1]))
    level = axis.inside(ends, at_least=3, what="continuum")
    first = axis.inside((one - 3.0, min(one - 3.0 + reach, other - 3.0 + 1e-6)), at_least=2)
    second = axis.inside((other - 3.0 + 1e-3, other - 3.0 + reach), at_least=2)
    if background is not None and background[1] > one - 3.0:
        message = (
            f"background {tuple(background)} eV overlaps the first line, which begins at "
            f"{one - 3.0:g} eV; let it end before"
        )
        raise DataError(message)
    spectra = data if background is None else subtract_background(data, background, dim=dim)
    step = np.where(axis.energy >= one, share, 0.0) + np.where(axis.energy >= other, 1 - share, 0)
    counted = is_counted(data)

    def measure(rows: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, ...]:
        height = rows[..., level].mean(axis=-1)
        noise = raw[..., level].sum(axis=-1) / (level.stop - level.start) ** 2
        sums, variances = [], []
        for part in (first, second):
            below = step[part].sum()
            sums.append(rows[..., part].sum(axis=-1) - height * below)
            variances.append(np.maximum(raw[..., part].sum(axis=-1) + noise * below**2, 0.0))
        with np.errstate(all="ignore"):
            ratio = sums[0] / sums[1]
            std = np.abs(ratio) * np.sqrt(
                variances[0] / sums[0] ** 2 + variances[1] / sums[1] ** 2
            )  # fmt: skip
            whole = (sums[0] + sums[1]) / (height * (first.stop - first.start))
        unknown = 1.0 if counted else np.nan
        stds = [unknown * np.sqrt(each) for each in variances]
        return sums[0], stds[0], sums[1], stds[1], ratio, unknown * std, whole

    found = map_signal(measure, spectra, dim=dim, also=[data], output_dims=[{}] * 7)
    units = data.attrs.get("units")
    return result(
        {}, first_line=(found[0], units), first_line_std=(found[1], units),
        second_line=(found[2], units), second_line_std=(found[3], units),
        ratio=(found[4], "1"), ratio_std=(found[5], "1"), normalised=(found[6], "1"),
    )  # fmt: skip
