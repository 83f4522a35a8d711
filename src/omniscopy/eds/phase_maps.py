"""Regions of one composition, and their spectra."""

from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.eds.spectra import require_spectra
from omniscopy.model import DataError, dims_of_role, operation, require_choice, result
from omniscopy.signal.clustering import cluster
from omniscopy.signal.decomposition import decompose

Method = Literal["kmeans", "gmm", "nmf"]


@operation(example={"data": "eds_map", "n_phases": 2})
def find_phases(
    data: xr.DataArray,
    n_phases: int,
    *,
    method: Method = "kmeans",
    dim: str = "energy",
    rng: int | np.random.Generator | None = None,
) -> xr.Dataset:
    r"""Sort the spectra of a map into phases, and return the spectrum of each.

    Parameters
    ----------
    data : DataArray, shape (..., energy), counts
        Lazy or in memory.
    n_phases : int
        Number of phases, at least 2.
    method : {"kmeans", "gmm", "nmf"}
        k-means or a mixture of Gaussians on the principal components of spectra that are scaled
        to the same sum; or factors that are not negative, of the counts.
    dim : str
        Dimension of the energy, in keV or units that convert to it.
    rng : int or Generator
        Seed of random starts; 0 otherwise.

    Returns
    -------
    Dataset
        ``label`` (...), the phase of each spectrum, -1 where it has no counts;
        ``abundance`` (..., phase), from 0 to 1: whether, how probably, or by which part of its
        counts a spectrum is of a phase; ``spectrum`` (phase, energy), of one count.

    Raises
    ------
    DataError
        The axis is no energy, the values are no counts, there is one spectrum only, or more
        phases than spectra.

    Notes
    -----
    What is clustered is :math:`n_{pk} / (N_p (r_k + \max r / 100))`, with the counts n of spectrum
    p in channel k, their sum N, and the root :math:`r_k` of the mean of :math:`n_{pk} / N_p`: by it
    the noise of counts is as large in all channels [1]_. A phase's spectrum is the sum of those
    that are sorted into it.

    References
    ----------
    .. [1] M. R. Keenan, P. G. Kotula, *Surf. Interface Anal.* 36, 203 (2004).

    Examples
    --------
    >>> import omniscopy as om
    >>> phases = om.eds.find_phases(om.samples.eds_map(), 2)
    >>> phases["spectrum"].dims
    ('phase', 'energy')
    """
    require_spectra(data, dim)
    require_choice("method", method, get_args(Method))
    others = [str(each) for each in data.dims if each != dim]
    if not others:
        message = f"a single spectrum has no phases; its dimensions are {tuple(data.dims)}"
        raise DataError(message)
    if n_phases < 2:
        message = f"n_phases must be at least 2, got {n_phases}"
        raise DataError(message)
    counts = data.sum(dim, dtype=np.float64, skipna=False)
    known = counts > 0
    if method == "nmf":
        label, abundance, spectra = _factors(data, n_phases, dim)
    else:
        scaled = (data / counts.where(known)).assign_attrs(units="1")
        # The mean squares of channels differ by orders; noise of counts is evened out.
        root = scaled.mean(others) ** 0.5
        # Spectra without counts are NaN, and no cluster of their own.
        even = (scaled / (root + root.max(dim) * 1e-2)).assign_attrs(units="1")
        made = cluster(even, n_phases, method=method, dim=dim, n_components=n_phases + 1, rng=rng)
        label = made["label"].where(known, -1).astype(np.int64)
        phase = xr.DataArray(np.arange(n_phases), dims="phase")
        member = (label == phase).astype(np.float64)
        abundance = (
            made["probability"].rename(cluster="phase").drop_vars("phase")
            if method == "gmm" else member
        )  # fmt: skip
        summed = xr.dot(member, data.astype(np.float64).fillna(0.0), dim=others)
        spectra = summed / summed.sum(dim)
    found = result(
        label=(label.where(known, -1), "1"), abundance=(abundance.where(known), "1"),
        spectrum=(spectra.transpose("phase", dim), "1"),
    )  # fmt: skip
    return found.drop_vars(["cluster", "component"], errors="ignore").assign_coords(
        phase=xr.Variable("phase", np.arange(n_phases), {"units": "1", "kind": "parameter"})
    )


def _factors(
    data: xr.DataArray, n_phases: int, dim: str
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Return labels, parts of counts, and spectra of factors that are not negative."""
    if dims_of_role(data, "signal") != [dim]:
        message = (
            f"the spectra must be along {dim!r} alone, which is {dims_of_role(data, 'signal')}"
        )
        raise DataError(message)
    made = decompose(data, n_phases, method="nmf", noise="poisson")
    factors, loads = made["components"], made["loadings"]
    size = factors.sum(dim)
    spectra = (factors / size).rename(component="phase").drop_vars("phase", errors="ignore")
    parts = (loads * size).rename(component="phase").drop_vars("phase", errors="ignore")
    share = parts / parts.sum("phase")
    return share.fillna(-1).argmax("phase").astype(np.int64), share, spectra
