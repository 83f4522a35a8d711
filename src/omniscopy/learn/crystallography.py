"""What is done with images of crystals again and again: marks, regions, blocks, formulas."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from omniscopy.atoms import (
    find_atoms,
    find_lattice,
    find_sublattices,
    measure_polarization,
    patches,
    refine_atoms,
)
from omniscopy.image import (
    filter_fourier_spots,
    find_fourier_spots,
    power_spectrum,
    radial_average,
    sliding_windows,
)
from omniscopy.model import DataError, require_plane, require_uniform
from omniscopy.signal import cluster

# Edges are so much of a side.
_EDGE = 16


def mark_defects(
    frame: xr.DataArray, *, share: float = 0.02, sigma: float | None = None
) -> xr.DataArray:
    """Mark where an image differs from its perfect lattice, to learn defects from (DefectNet).

    Parameters
    ----------
    frame : DataArray, shape (y, x)
        One image, such as the first of a movie.
    share : float
        Part of the other pixels that are marked: those that differ most.
    sigma : float, units of the coordinates
        Standard deviation that differences are smoothed by; 1.5 pixels otherwise.

    Returns
    -------
    DataArray of int, shape (y, x)
        1 where something is wrong, otherwise 0, as `Segmenter.fit` takes it; 0 within a sixteenth
        of the sides from the edges.

    Raises
    ------
    DataError
        `share` is not between 0 and 1, or the image has no two uniform spatial dimensions of at
        least 8 points.

    Notes
    -----
    The perfect lattice is the image made of the spots of its Fourier transform alone.
    """
    if not 0 < share < 1:
        message = f"share must be a part of the pixels between 0 and 1, got {share!r}"
        raise DataError(message)
    from scipy.ndimage import gaussian_filter

    dims = require_plane(frame, None, kind="spatial", at_least=8)
    perfect = filter_fourier_spots(frame, find_fourier_spots(frame))
    steps = [abs(require_uniform(frame, dim)) for dim in dims]
    widths = [1.5 if sigma is None else sigma / step for step in steps]
    away = (frame - perfect).transpose(*dims).values
    smooth = gaussian_filter(np.abs(away), widths)
    # At the edges an image that does not repeat differs anyhow.
    edge = [-(-size // _EDGE) for size in smooth.shape]
    inner = tuple(slice(width, -width) for width in edge)
    marks = np.zeros(smooth.shape, dtype=np.int64)
    marks[inner] = smooth[inner] > np.quantile(smooth[inner], 1.0 - share)
    coords = {dim: frame.coords[dim] for dim in dims}
    attrs = {"units": "1", "long_name": "Defects"}
    return xr.DataArray(marks, dims=dims, coords=coords, attrs=attrs)


def find_regions(
    image: xr.DataArray, count: int, size: float, *, step: float | None = None, rng: int = 0
) -> xr.Dataset:
    """Find regions of other lattices or of none, by the spectra of windows, without learning.

    Parameters
    ----------
    image : DataArray, shape (y, x)
    count : int
        Regions that are told apart.
    size : float, units of the coordinates
        Side of a window: some distances of atoms.
    step : float, units of the coordinates
        From window to window; a quarter of the size otherwise.
    rng : int
        Seed of the mixture.

    Returns
    -------
    Dataset
        As `signal.cluster` gives: the label of every window, and what it is like.

    Notes
    -----
    Spectra are averaged over all directions, so that turned grains are alike; a mixture of normal
    distributions clusters them.
    """
    windows = sliding_windows(image, size, step=size / 4 if step is None else step)
    spectra = power_spectrum(windows, window="hann", dims=("window_y", "window_x"))
    radial = radial_average(spectra, dims=("kwindow_y", "kwindow_x"))["mean"].dropna("radius")
    # Without the mean of the window, and of any brightness.
    radial = radial.isel(radius=slice(1, None))
    shape = (radial / radial.sum("radius")).assign_attrs(units="1")
    return cluster(shape, count, method="gmm", dim="radius", rng=rng)


def ferroic_blocks(image: xr.DataArray, size: float) -> tuple[xr.DataArray, xr.Dataset]:
    """Cut a perovskite into cells about its corner columns, and measure each (FerroNet).

    Parameters
    ----------
    image : DataArray, shape (y, x)
        Of a crystal with two kinds of columns.
    size : float, units of the coordinates
        Side of a block, such as a lattice constant.

    Returns
    -------
    (DataArray, shape (atom, window_y, window_x); Dataset, shape (atom))
        The blocks, which `signal.decompose` and `signal.cluster` sort; and the polarization of
        the columns within cells, as `atoms.measure_polarization` gives it.

    Raises
    ------
    DataError
        The image has one kind of columns, or too few atoms for a lattice.
    """
    atoms = refine_atoms(image, find_atoms(image))
    lattice = find_lattice(atoms)
    kinds = find_sublattices(atoms, lattice)["label"].values
    cage, inside = atoms.isel(atom=kinds == 0), atoms.isel(atom=kinds == 1)
    if not cage.sizes["atom"] or not inside.sizes["atom"]:
        message = "the image has one kind of columns; two are needed"
        raise DataError(message)
    return patches(image, cage, size), measure_polarization(inside, cage)


def formulas(found: xr.Dataset, names: Mapping[int, str] | None = None) -> list[str]:
    """Return the formulas of defects, such as "Si1C3" (LibraryNet).

    Parameters
    ----------
    found : Dataset, dimension defect
        What `atoms.find_dopants` returns, of one table.
    names : mapping, optional
        What the dopants (1) and the host atoms (0) are; silicon and carbon otherwise.

    Returns
    -------
    list of str
        One for each defect whose neighbours are known.

    Raises
    ------
    DataError
        `found` is no such table.
    """
    if "dopants" not in found or found["dopants"].ndim != 1:
        message = "expected what `atoms.find_dopants` returns, of one table of positions"
        raise DataError(message)
    told = {0: "C", 1: "Si", **(names or {})}
    known = found.dropna("defect", subset=["dopants"])
    return [
        f"{told[1]}{int(dopants)}{told[0]}{int(hosts)}"
        for dopants, hosts in zip(known["dopants"].values, known["neighbours"].values, strict=True)
    ]
