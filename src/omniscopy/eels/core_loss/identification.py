"""Which elements' edges a spectrum shows."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.eels.axes import DIM, LossAxis, loss_axis
from omniscopy.eels.core_loss.edges import edges_within
from omniscopy.model import DataError, coordinate, operation, result
from omniscopy.physics.energy_loss.shells import DECAYED, Shell, shells_of, symbols

# What is looked at on either side of an edge: part of its energy, and at least so many eV; and
# how far an edge may lie from what the tables say, eV.
_PART, _LEAST, _OFF = 0.05, 12.0, 4.0
_FEWEST = 6


@operation(example={"data": "core_loss", "elements": ["Ti", "O", "N", "Sn"]})
def find_edges(
    data: xr.DataArray,
    elements: Sequence[str] | None = None,
    *,
    threshold: float = 5.0,
    dim: str = DIM,
) -> xr.Dataset:
    r"""Find the edges of elements by the jump of the spectrum at their onset.

    Parameters
    ----------
    data : DataArray, shape (..., energy_loss)
        Core losses with their background; lazy or in memory.
    elements : sequence of str
        Elements to look for; otherwise all but those that have decayed. Some share their onset.
    threshold : float
        Jumps below so many standard deviations of the noise are none.
    dim : str
        Dimension of the energy loss.

    Returns
    -------
    Dataset, shape (..., edge)
        Along ``edge`` ("Ti_L3"), by energy, of the edges within the spectrum that stand out:
        ``energy`` (edge) in eV as in the tables; ``jump``, the logarithm of what the spectrum
        rises by, with ``_std``; ``significance``, the jump over its deviation; ``is_seen`` where
        that is above the threshold for this edge, and for half of the others of its element.

    Raises
    ------
    DataError
        The axis is not in eV, or no edge of the elements lies within the spectrum.

    Notes
    -----
    Straight lines are fitted to :math:`\ln I(\ln E)` on both sides, up to 5 % of the energy away,
    and meet at the onset. Noise is what the residuals show. 4 eV beside the onset are left out.

    Examples
    --------
    >>> import omniscopy as om
    >>> total = om.signal.sum_over(om.samples.core_loss())
    >>> found = om.eels.find_edges(total, ["Ti", "O", "N", "Sn"])
    >>> sorted({each.partition("_")[0] for each in found["edge"].values[found["is_seen"]]})
    ['O', 'Ti']
    """
    axis = loss_axis(data, dim, at_least=2 * _FEWEST)
    every = tuple(each for each in symbols() if each not in DECAYED)
    wanted = every if elements is None else tuple(elements)
    for each in wanted:
        shells_of(each)
    known = edges_within(
        wanted, (max(axis.energy[0], 1.0), float(axis.energy[-1])), major=True
    )  # fmt: skip
    places = [(shell, *_sides(axis, shell.energy)) for shell in known]
    places = [each for each in places if min(len(each[1]), len(each[2])) >= _FEWEST]
    if not places:
        message = (
            f"no edge of {elements or 'any element'} lies within {axis.energy[0]:g} to "
            f"{axis.energy[-1]:g} eV with {_FEWEST} channels on both sides"
        )
        raise DataError(message)
    shells = [each[0] for each in places]
    jump, std = map_signal(
        _jumps, data, dim=dim, output_dims=[{"edge": len(shells)}] * 2,
        parameters={"places": places, "energy": axis.energy},
    )  # fmt: skip
    names = [f"{shell.element}_{shell.name}" for shell in shells]
    along = {"edge": coordinate("edge", names, quantity="edge", kind="parameter")}
    jump, std = jump.assign_coords(along), std.assign_coords(along)
    significance = jump / std
    seen = xr.apply_ufunc(
        _seen, significance > threshold, input_core_dims=[["edge"]], output_core_dims=[["edge"]],
        kwargs={"shells": shells}, dask="parallelized", output_dtypes=[bool],
        dask_gufunc_kwargs={"allow_rechunk": True},
    )  # fmt: skip
    energy = xr.DataArray([shell.energy for shell in shells], coords=along, dims=("edge",))
    return result(
        {}, energy=(energy, "eV"), jump=(jump, "1"), jump_std=(std, "1"),
        significance=(significance, "1"), is_seen=(seen, "1"),
    )  # fmt: skip


def _sides(axis: LossAxis, onset: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the channels below and above an onset."""
    reach = max(_PART * onset, _LEAST) + _OFF
    away = axis.energy - onset
    below = np.flatnonzero((away > -reach) & (away < -_OFF) & (axis.energy > 0))
    return below, np.flatnonzero((away > _OFF) & (away < reach))


def _jumps(
    block: np.ndarray, *, places: list[tuple[Shell, np.ndarray, np.ndarray]], energy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the jumps of a block of spectra at some onsets, and their standard deviations."""
    rows = np.asarray(block.reshape(-1, block.shape[-1]), np.float64)
    made = np.full((2, len(rows), len(places)), np.nan)
    for n, (shell, *sides) in enumerate(places):
        values, variances = [], []
        for channels in sides:
            x = np.log(energy[channels] / shell.energy)
            part = rows[:, channels]
            with np.errstate(all="ignore"):
                y = np.where(part > 0, np.log(part), np.nan)
            basis = np.stack([np.ones_like(x), x])
            inverse = np.linalg.inv(basis @ basis.T)
            found = (y @ basis.T) @ inverse
            noise = ((y - found @ basis) ** 2).sum(axis=1) / (len(x) - 2)
            values.append(found[:, 0])
            variances.append(noise * inverse[0, 0])
        made[0, :, n] = values[1] - values[0]
        made[1, :, n] = np.sqrt(variances[0] + variances[1])
    shape = (*block.shape[:-1], len(places))
    return made[0].reshape(shape), made[1].reshape(shape)


def _seen(above: np.ndarray, *, shells: list[Shell]) -> np.ndarray:
    """Return which edges are seen together with half of the others of their element."""
    made = np.zeros(above.shape, bool)
    for element in {shell.element for shell in shells}:
        own = [n for n, shell in enumerate(shells) if shell.element == element]
        enough = above[..., own].mean(axis=-1, keepdims=True) >= 0.5
        made[..., own] = above[..., own] & enough
    return made
