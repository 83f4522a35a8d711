"""Potentials of samples, slice by slice."""

import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.crystal import structure
from omniscopy.model import DataError, coordinate, operation, require_choice, require_dims
from omniscopy.model.checks import require_units
from omniscopy.physics.scattering import form_factor
from omniscopy.physics.scattering.coefficients import Table, find_element
from omniscopy.physics.scattering.crystals import Crystal, DebyeWaller
from omniscopy.simulate.measurements import measurement, require_positive
from omniscopy.simulate.waves.grids import AliasingWarning, Grid, grid_of, plane_coordinates
from omniscopy.simulate.waves.projection import slice_potentials
from omniscopy.simulate.waves.slices import Projection, Sliced, cut

Precision = Literal["single", "double"]
TOLD = 0.97  # part of the elastic scattering of the heaviest element that a grid should carry


@operation(example={"atoms": "SrTiO3", "sampling": 0.07}, lazy=False)
def potential(
    atoms: Crystal | str | Sequence[Crystal],
    *,
    sampling: float | tuple[float, float],
    slice_thickness: float = 2.0,
    projection: Projection = "infinite",
    table: Table = "lobato",
    debye_waller: DebyeWaller = None,
    precision: Precision = "single",
) -> xr.DataArray:
    r"""Return the electrostatic potential of a sample, summed along the beam slice by slice.

    Parameters
    ----------
    atoms : ase.Atoms, the name of a structure, or a sequence of ase.Atoms
        In a rectangular cell, which repeats across the beam. The beam goes along +z, and y of
        the image is y of the atoms: seen from the source y points down, as images are shown.
        Of a sequence (see `frozen_phonons`) each is made when it is asked for.
    sampling : float or (y, x), Å
        Largest length of a pixel. The cell is cut into whole pixels, as many as are quick to
        transform.
    slice_thickness : float, Å
        About how thick a slice is; the cell is cut into equal slices. Best between planes of
        atoms.
    projection : {"infinite", "finite"}
        Put the whole of an atom into the slice that it is in, or into each slice what of it is
        there (atoms are moved along z by up to a fortieth of a slice for it).
    table : str
        Whose form factors; see `physics.scattering.form_factor`. With ``"waasmaier_kirfel"``
        atoms are ions of the charges that ``atoms.set_initial_charges`` gave them.
    debye_waller : float, mapping of symbols, or array of one number or tensor an atom, Å²
        :math:`B = 8\pi^2\langle u^2\rangle`, which blurs the atoms; see
        `physics.scattering.structure_factors`. By default what ``atoms.arrays["debye_waller"]``
        says, or none. Displaced atoms of frozen phonons need none.
    precision : {"single", "double"}
        Of the values.

    Returns
    -------
    DataArray, shape (z, y, x), V Å
        Along z the depth at which each slice begins, with its ``thickness`` (Å) as a coordinate.
        Of a sequence lazy, with the dimension ``configuration`` before them.

    Raises
    ------
    DataError
        The cell is not rectangular, atoms overlap, or an element is unknown.

    Warns
    -----
    AliasingWarning
        Waves on this grid lose more than 3 % of what the heaviest element scatters.

    Notes
    -----
    Form factors of the exact places of all atoms are added up in Fourier space, so that no atom
    is moved to a pixel; slices with the same atoms are computed once.

    See [1]_ for the potential of atoms.

    References
    ----------
    .. [1] E. J. Kirkland, *Advanced Computing in Electron Microscopy*, 2nd ed., Springer (2010),
       appendix C.
    """
    require_choice("projection", projection, get_args(Projection))
    require_choice("precision", precision, get_args(Precision))
    require_positive(slice_thickness=slice_thickness)
    if projection == "finite" and table == "waasmaier_kirfel":
        message = f"the table {table!r} has no finite projection; take 'lobato' or 'kirkland'"
        raise DataError(message)
    dtype = np.float32 if precision == "single" else np.float64
    several = isinstance(atoms, list | tuple)
    samples = [structure_of(each) for each in (atoms if several else [atoms])]  # type: ignore[union-attr]
    if not samples:
        message = "there are no atoms to make a potential of"
        raise DataError(message)
    settings = (slice_thickness, projection, debye_waller, table)
    sliced = cut(samples[0], *settings)
    grid = _grid(sliced, sampling)
    _warn_of_aliasing(sliced, grid, table)
    if several:
        values = _lazily(samples, sliced, grid, settings, table, dtype)
    else:
        values = slice_potentials(sliced, grid, table, dtype)
    coords: dict[str, Any] = {
        "z": coordinate("z", sliced.edges[:-1], "Å", role="navigation"),
        **plane_coordinates(grid),
        "thickness": ("z", np.diff(sliced.edges), {"units": "Å", "quantity": "length"}),
    }
    dims: tuple[str, ...] = ("z", "y", "x")
    if several:
        numbers = coordinate(
            "configuration", np.arange(len(samples)), "1", kind="parameter",
            quantity="configuration",
        )  # fmt: skip
        dims, coords = ("configuration", *dims), {"configuration": numbers, **coords}
    return measurement(
        xr.DataArray(values, coords, dims), title="Projected potential", quantity="potential",
        units="V Å", modality="TEM", truth={"projection": projection, "table": table},
    )  # fmt: skip


def structure_of(atoms: Any) -> Any:
    """Return atoms given as such or by the name of a structure."""
    if isinstance(atoms, str):
        return structure(atoms)
    if not hasattr(atoms, "get_scaled_positions"):
        message = (
            f"expected atoms in a cell (ase.Atoms) or the name of a structure, got "
            f"{type(atoms).__name__}"
        )
        raise DataError(message)
    return atoms


def _grid(sliced: Sliced, sampling: float | tuple[float, float]) -> Grid:
    """Return the grid whose pixels are no longer than asked, of lengths that are quick."""
    from scipy.fft import next_fast_len

    steps = np.broadcast_to(np.asarray(sampling, np.float64), 2)
    for step, length in zip(steps, sliced.size, strict=True):
        if not (np.isfinite(step) and 0.0 < step <= length / 4.0):
            message = (
                f"the sampling must be a length in Å below a quarter of the cell ({length:g} Å), "
                f"got {step:g}"
            )
            raise DataError(message)
    counts = [
        next_fast_len(int(np.ceil(length / step - 1e-6)))
        for length, step in zip(sliced.size, steps, strict=True)
    ]
    return Grid((counts[0], counts[1]), sliced.size)


def _warn_of_aliasing(sliced: Sliced, grid: Grid, table: Table) -> None:
    elements = {find_element(kind.name) for kind in sliced.species}
    heaviest = max(elements, key=lambda element: element.atomic_number).symbol
    needed = needed_sampling(heaviest, table)
    if max(grid.sampling) > needed:
        message = (
            f"a sampling of {max(grid.sampling):.3g} Å carries frequencies to {grid.limit:.3g} 1/Å "
            f"and loses more than {1 - TOLD:.0%} of what {heaviest} scatters; take {needed:.2g} Å "
            "or finer"
        )
        warnings.warn(message, AliasingWarning, stacklevel=4)


@lru_cache
def needed_sampling(symbol: str, table: Table) -> float:
    """Return the sampling in Å with which waves keep most of what an element scatters."""
    q = np.linspace(0.0, 20.0, 4001)
    scattered = np.cumsum(np.square(form_factor(symbol, q, table)) * q)
    reach = float(q[np.searchsorted(scattered, TOLD * scattered[-1])])
    return 1.0 / (3.0 * reach)


def _lazily(  # noqa: PLR0917
    samples: Any, first: Sliced, grid: Grid, settings: Any, table: Table, dtype: Any
) -> Any:
    """Return the potentials of several samples, one chunk for each."""
    import dask.array as da
    from dask.delayed import delayed

    def one(sample: Any) -> Any:
        made = cut(sample, *settings)
        if made.size != first.size or len(made.edges) != len(first.edges):
            message = "all configurations must have the same cell"
            raise DataError(message)
        return slice_potentials(made, grid, table, dtype)

    shape = (len(first.contents), *grid.shape)
    array: Any = da
    return array.stack([array.from_delayed(delayed(one)(each), shape, dtype) for each in samples])


def require_potential(data: xr.DataArray) -> tuple[Grid, Any]:
    """Return the grid and the thickness (Å) of each slice, or raise where it is no potential."""
    require_dims(data, ("z", "y", "x"))
    for dim in ("z", "y", "x"):
        if data.sizes[dim] < (1 if dim == "z" else 4):
            message = f"a potential with {data.sizes[dim]} points along {dim!r} cannot be passed"
            raise DataError(message)
    if require_units(data, "V Å", what="the potential") != 1.0:
        message = f"the potential must be in V Å, got {data.attrs.get('units')}; convert it"
        raise DataError(message)
    if data.dtype.kind not in "fc":
        message = f"the potential must be real numbers, got {data.dtype}"
        raise DataError(message)
    if "thickness" not in data.coords:
        message = (
            "the potential has no coordinate 'thickness' along 'z' (Å), which says how thick each "
            "slice is; make it with `simulate.potential`, or assign it"
        )
        raise DataError(message)
    if "z" in data.coords and not (np.diff(data.coords["z"].values) > 0).all():
        message = "coordinate 'z' must ascend, as the beam goes; sort it with `data.sortby('z')`"
        raise DataError(message)
    factor = require_units(data.coords["thickness"], "Å", what="coordinate 'thickness'")
    thickness = factor * np.asarray(data.coords["thickness"].values, np.float64)
    return grid_of(data), np.broadcast_to(thickness, data.sizes["z"])
