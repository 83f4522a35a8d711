"""Symmetry of the spots in the spectrum of an image."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.fourier.spots import find_fourier_spots
from omniscopy.model import DataError, Status, operation, require_plane, result

# Directions of a mirror that are tried, over half a turn.
_MIRRORS = 360


@operation(example={"image": "atom_image"})
def measure_symmetry(
    image: xr.DataArray,
    *,
    orders: Sequence[int] = (2, 3, 4, 6),
    tolerance: float = 0.05,
    min_signal_to_noise: float | None = None,
    max_spots: int = 32,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Measure how far the spots in the spectrum of every image keep under rotations and mirrors.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid; both coordinates in the same units.
    orders : sequence of int
        Rotations that are tried: by 360 degrees over each of them.
    tolerance : float
        How far apart a spot and a rotated one may be, as a part of their distance from the
        middle: more than the distortions of the image.
    min_signal_to_noise : float
        Power of a spot over the background, at least; what noise seldom has otherwise.
    max_spots : int
        Only the most intense ones are used.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (...)
        ``rotation_score`` (..., order): the part of the amplitude that rotated spots find again,
        1 where all have a counterpart of the same amplitude. Of a real image it is always 1 for
        order 2. ``mirror_score`` of the best mirror line, and its direction ``mirror_angle`` in
        degrees from +x towards +y (-90 to 90; there may be others as good). ``spots``, how many
        were used, and ``status``: 4 (no data) where there were fewer than 2; scores are NaN then.

    Raises
    ------
    DataError
        The image is no such one as `find_fourier_spots` takes, an order is below 2, or the
        tolerance is not between 0 and 0.5.

    Notes
    -----
    :math:`\sum_i \min(A_i, A_{j(i)}) / \sum_i A_i` over all spots and those opposite, where j(i)
    is the spot nearest to the rotated spot i, within the tolerance. It is the symmetry of the
    lattice and its amplitudes, without the phases: a motif with less symmetry than its spectrum
    is not seen.

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.image.measure_symmetry(om.samples.atom_image())
    >>> found["rotation_score"].sel(order=[4, 3]).values.round(1).tolist()
    [1.0, 0.0]
    """
    if not 0 < tolerance < 0.5:
        message = f"tolerance must be between 0 and 0.5, got {tolerance!r}"
        raise DataError(message)
    if not len(orders) or min(orders) < 2:
        message = f"orders must be whole numbers from 2 on, got {orders!r}"
        raise DataError(message)
    dims = require_plane(image, dims, kind="spatial", at_least=8)
    spots = find_fourier_spots(image, threshold=min_signal_to_noise, max_spots=max_spots, dims=dims)
    names = ("ky", "kx", "amplitude")
    ky, kx, amplitude = (spots[name].drop_vars("peak") for name in names)
    found = map_signal(
        _scores, ky, dim="peak", also=[kx, amplitude],
        output_dims=[{"order": len(orders)}, {}, {}, {}, {}],
        dtypes=[np.float64] * 3 + [np.int64, np.uint8],
        parameters={"orders": tuple(orders), "tolerance": tolerance},
    )  # fmt: skip
    scores, mirror, angle, count, status = found
    order = xr.Variable(
        ("order",), list(orders), {"units": "1", "quantity": "order", "kind": "parameter"}
    )
    return result(
        rotation_score=(scores.assign_coords(order=order), "1"), mirror_score=(mirror, "1"),
        mirror_angle=(angle, "deg"), spots=(count, "1"), status=(status, "1"),
    )  # fmt: skip


def _scores(
    ky: np.ndarray, kx: np.ndarray, amplitude: np.ndarray, *, orders: tuple[int, ...],
    tolerance: float,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    outer = ky.shape[:-1]
    rotation = np.full((*outer, len(orders)), np.nan)
    mirror, angle = np.full(outer, np.nan), np.full(outer, np.nan)
    count = np.zeros(outer, dtype=np.int64)
    status = np.full(outer, Status.NO_DATA, dtype=np.uint8)
    for place in np.ndindex(*outer):
        there = np.isfinite(ky[place])
        count[place] = there.sum()
        if count[place] < 2:
            continue
        half = kx[place][there] + 1j * ky[place][there]
        spots = np.concatenate([half, -half])
        heights = np.tile(amplitude[place][there], 2)
        status[place] = Status.CONVERGED
        turned = [spots * np.exp(2j * np.pi / order) for order in orders]
        rotation[place] = [_kept(spots, each, heights, tolerance)[0] for each in turned]
        lines = np.pi * (np.arange(_MIRRORS) / _MIRRORS - 0.5)
        mirrored = [spots.conj() * np.exp(2j * line) for line in lines]
        found = np.array([_kept(spots, each, heights, tolerance) for each in mirrored])
        # Of directions that are as good within the tolerance: where spots are nearest.
        best = found[:, 0] > found[:, 0].max() - 1e-9
        mirror[place] = found[:, 0].max()
        angle[place] = np.degrees(lines[np.argmin(np.where(best, found[:, 1], np.inf))])
    return rotation, mirror, angle, count, status


def _kept(
    spots: np.ndarray, moved: np.ndarray, heights: np.ndarray, tolerance: float
) -> tuple[float, float]:
    """Return the part of the amplitude of moved spots that lies on others, and how far off."""
    apart = np.abs(moved[:, None] - spots)
    nearest = apart.argmin(axis=1)
    off = np.take_along_axis(apart, nearest[:, None], axis=1)[:, 0] / np.abs(moved)
    shared = np.where(off <= tolerance, np.minimum(heights, heights[nearest]), 0.0)
    return float(shared.sum() / heights.sum()), float((shared * off**2).sum())
