"""How many atoms there are in each column, from the statistics of their intensities."""

import numpy as np
import xarray as xr

from omniscopy.atoms.columns.mixtures import maximum_likelihood
from omniscopy.atoms.tables import ATOM, require_count
from omniscopy.compute import map_signal
from omniscopy.model import (
    Status,
    coordinate,
    operation,
    require_dim,
    require_real,
    result,
)


@operation(example={"intensity": "column_intensities", "max_atoms": 6})
def count_atoms(
    intensity: xr.DataArray,
    *,
    max_atoms: int = 20,
    n_components: int | None = None,
    first: int = 1,
    dim: str = ATOM,
) -> xr.Dataset:
    r"""Count the atoms of each column by the statistics of the intensities.

    Parameters
    ----------
    intensity : DataArray, shape (..., atom), any units
        Of columns of one kind, such as `measure_intensities` gives; lazy or in memory.
    max_atoms : int
        The most Gaussians that are tried.
    n_components : int, optional
        How many Gaussians there are; otherwise as many as the criterion says.
    first : int
        How many atoms the columns of the lowest intensity have.
    dim : str
        Of the columns.

    Returns
    -------
    Dataset, shape (..., atom)
        ``intensity`` as it is given; ``count`` of atoms, NaN where there is none, and
        ``probability`` that it is right, given the mixture. Along ``component`` the ``mean`` with
        ``mean_std`` and the ``weight`` of each Gaussian, NaN for those not used, and the
        ``criterion`` of mixtures of so many; ``width`` that all have, and ``n_components``. Means
        and width are in units of the intensity. NaN
        with `status` 4 (no data) for fewer than two different intensities.

    Raises
    ------
    DataError
        The dimension is missing, or a number is below 1.

    Notes
    -----
    Columns of n atoms scatter about a mean of their own; the mixture of Gaussians of one width
    is that of maximum likelihood (expectation and maximization). The integrated classification
    likelihood :math:`-2 \ln L - 2 \sum t \ln t + d \ln N` chooses how many there are [1]_, d = 2 G
    numbers for G Gaussians. A number of atoms that no column has is not seen: look whether the
    means are evenly spaced, or give `first`.

    References
    ----------
    .. [1] A. De Backer et al., *Ultramicroscopy* 134, 23 (2013), section 2.

    Examples
    --------
    >>> import omniscopy as om
    >>> counted = om.atoms.count_atoms(om.samples.column_intensities(), max_atoms=6)
    >>> int(counted["n_components"])
    3
    """
    require_dim(intensity, dim, ascending=False)
    require_real(intensity)
    require_count("max_atoms", max_atoms)
    require_count("n_components", 1 if n_components is None else n_components)
    most = max(max_atoms, n_components or 0)
    atoms, parts = {dim: intensity.sizes[dim]}, {"component": most}
    count, probability, mean, std, weight, criterion, width, parts_used, status = map_signal(
        _counted, intensity, dim=dim,
        output_dims=[atoms, atoms, parts, parts, parts, parts, {}, {}, {}],
        dtypes=[np.float64] * 8 + [np.uint8],
        parameters={"most": most, "wanted": n_components, "first": first},
    )  # fmt: skip
    units = intensity.attrs.get("units")
    found = result(
        None, intensity=(intensity.drop_vars(dim, errors="ignore"), units),
        count=(count, "1"), probability=(probability, "1"), mean=(mean, units),
        mean_std=(std, units), weight=(weight, "1"), criterion=(criterion, "1"),
        width=(width, units), n_components=(parts_used, "1"), status=(status, "1"),
    )  # fmt: skip
    numbers = coordinate("component", np.arange(1, most + 1), "1")
    return found.assign_coords({"component": numbers, dim: intensity.coords[dim].variable})


def _counted(
    block: np.ndarray, *, most: int, wanted: int | None, first: int
) -> tuple[np.ndarray, ...]:
    outer, size = block.shape[:-1], block.shape[-1]
    atoms = [np.full((*outer, size), np.nan) for _ in range(2)]
    parts = [np.full((*outer, most), np.nan) for _ in range(4)]
    width, number = np.full(outer, np.nan), np.full(outer, np.nan)
    status = np.full(outer, Status.NO_DATA, dtype=np.uint8)
    for place in np.ndindex(*outer):
        values = block[place].astype(np.float64)
        there = np.isfinite(values)
        known = values[there]
        different = len(np.unique(known))
        if different < 2 or (wanted or 1) > different:
            continue
        tried = range(1, min(most, different) + 1) if wanted is None else [wanted]
        # The criterion must not depend on the units.
        low, wide = known.min(), np.ptp(known)
        mixtures = [maximum_likelihood((known - low) / wide, count) for count in tried]
        criteria = [each.criterion for each in mixtures]
        parts[3][place][np.array(list(tried)) - 1] = criteria
        best = mixtures[int(np.argmin(criteria))]
        mean, sigma, chance = low + wide * best.mean, wide * best.width, best.chance
        atoms[0][place][there] = chance.argmax(axis=1) + first
        atoms[1][place][there] = chance.max(axis=1)
        for column, numbers in zip(
            parts, (mean, sigma / np.sqrt(np.maximum(chance.sum(axis=0), 1e-12)), best.weight),
            strict=False,
        ):  # fmt: skip
            column[place][: len(mean)] = numbers
        width[place], number[place], status[place] = sigma, len(mean), Status.CONVERGED
    return (*atoms, *parts, width, number, status)
