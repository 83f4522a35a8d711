"""All discs of a scan in one map."""

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.diffraction.lattices.fitting import PEAK, field_of, require_discs, scan_of_discs
from omniscopy.model import DataError, coordinate, labelled, operation


@operation(example={"discs": "nanobeam_discs"})
def bragg_vector_map(
    discs: xr.Dataset, lattice: xr.Dataset | None = None, *, step: float | None = None
) -> xr.DataArray:
    """Add up the intensities of all discs of a scan where they are.

    Parameters
    ----------
    discs : Dataset, shape (..., peak)
        ``ky``, ``kx`` and, where there is one, ``intensity`` of `find_discs`; lazy or in memory.
    lattice : Dataset, shape (...)
        ``origin_ky`` and ``origin_kx`` of `fit_lattice`: discs are shown where they are from
        there, so that a pattern that moves during the scan does not blur them.
    step : float, units of the positions
        Size of a pixel of the map; half of one of the patterns otherwise.

    Returns
    -------
    DataArray, shape (..., ky, kx), units of the intensity
        Each disc is shared by the four pixels around it, so that the middle of a spot is that
        of its discs.

    Raises
    ------
    DataError
        `discs` are no table of positions, `lattice` has no origin, or the step is not above 0.

    Notes
    -----
    Maps of Bragg vectors are those of [1]_; a disc at :math:`(i + u, j + v)` pixels gives
    :math:`(1-u)(1-v)`, :math:`u (1-v)`, :math:`(1-u) v` and :math:`u v` of itself to the four.

    References
    ----------
    .. [1] B. H. Savitzky et al., *Microsc. Microanal.* 27, 712 (2021).

    Examples
    --------
    >>> import omniscopy as om
    >>> om.diffraction.bragg_vector_map(om.samples.nanobeam_discs()).dims
    ('ky', 'kx')
    """
    units = require_discs(discs)
    field = field_of(discs)
    sizes = [abs(each[2]) / 2 if step is None else float(step) for each in field]
    if not all(0 < size < np.inf for size in sizes):
        message = f"step must be above 0, in the units of the positions, got {step!r}"
        raise DataError(message)
    axes = []
    for (first, last, _), size in zip(field, sizes, strict=True):
        low, high = min(first, last), max(first, last)
        reach = (high - low) / 2 if lattice is None else 0.75 * (high - low)
        middle = (low + high) / 2 if lattice is None else 0.0
        count = int(np.ceil(reach / size))
        axes.append(middle + size * np.arange(-count, count + 1))
    over = scan_of_discs(discs)
    places = [discs["ky"], discs["kx"]]
    if lattice is not None:
        missing = {"origin_ky", "origin_kx"} - {*lattice}
        if missing:
            message = f"the lattice must have {sorted(missing)}, as `fit_lattice` returns"
            raise DataError(message)
        places = [
            (each - lattice[name]).transpose(*each.dims)
            for each, name in zip(places, ("origin_ky", "origin_kx"), strict=True)
        ]
    bright = discs["intensity"] if "intensity" in discs else xr.ones_like(discs["ky"])
    also = [each.drop_vars(list(each.coords)).drop_attrs() for each in (places[1], bright)]
    (made,) = map_signal(
        _added, places[0], dim=[*over, PEAK], also=also,
        output_dims=[{"ky": len(axes[0]), "kx": len(axes[1])}],
        parameters={"first": [float(axis[0]) for axis in axes], "sizes": sizes,
                    "shape": [len(axis) for axis in axes], "inner": len(over) + 1},
    )  # fmt: skip
    made = made.assign_coords(
        {dim: coordinate(dim, axis, units) for dim, axis in zip(("ky", "kx"), axes, strict=True)}
    )
    return labelled(
        made, units=bright.attrs.get("units", "1"), quantity="intensity",
        long_name="Bragg vector map",
        signal_type="diffraction" if made.ndim == 2 else "image_stack",
    )  # fmt: skip


def _added(
    ky: np.ndarray, kx: np.ndarray, bright: np.ndarray, *, first: list[float],
    sizes: list[float], shape: list[int], inner: int,
) -> np.ndarray:  # fmt: skip
    outer = ky.shape[: ky.ndim - inner]
    made = np.zeros((*outer, *shape))
    for place in np.ndindex(*outer):
        rows, columns = (
            (each[place].ravel() - start) / size
            for each, start, size in zip((ky, kx), first, sizes, strict=True)
        )
        weight = bright[place].ravel().astype(np.float64)
        known = np.isfinite(rows) & np.isfinite(columns) & np.isfinite(weight)
        known &= (rows >= 0) & (columns >= 0) & (rows < shape[0] - 1) & (columns < shape[1] - 1)
        rows, columns, weight = rows[known], columns[known], weight[known]
        i, j = rows.astype(int), columns.astype(int)
        y, x = rows - i, columns - j
        for down, right, part in (
            (0, 0, (1 - y) * (1 - x)), (1, 0, y * (1 - x)), (0, 1, (1 - y) * x), (1, 1, y * x),
        ):  # fmt: skip
            np.add.at(made[place], (i + down, j + right), part * weight)
    return made
