"""Scenes of atoms as a microscope shows them."""

from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, operation, result
from omniscopy.simulate.measurements import Random, grid, measurement, require_positive
from omniscopy.simulate.scenes.cells import RANDOM, cell_of
from omniscopy.simulate.scenes.imaging import (
    Instrument,
    detected,
    mean_image,
    position_bound,
    scanned,
)
from omniscopy.simulate.scenes.specimens import Imperfections, columns_in

# Width of a column over the distance of nearest ones, where it is not given.
_USUAL_WIDTH = 0.17


@operation(example={"shape": (32, 36)}, lazy=False)
def atom_scene(  # noqa: PLR0913 - each is a physical parameter
    shape: tuple[int, int] = (256, 256),
    *,
    structure: str = "honeycomb",
    zone: tuple[int, int, int] = (0, 0, 1),
    spacing: float | None = None,
    sampling: float = 0.01,
    rotation: float = 10.0,
    grains: int = 1,
    strain: tuple[float, float, float] = (0.0, 0.0, 0.0),
    waviness: float = 0.0,
    vacancies: float = 0.02,
    substitutions: float = 0.0,
    adatoms: float = 0.0,
    rotated_bonds: float = 0.0,
    disorder: float = 0.015,
    ramp: float = 0.0,
    hole: float = 0.0,
    width: float | None = None,
    tail: float = 0.0,
    astigmatism: float = 0.0,
    astigmatism_angle: float = 0.0,
    background: float = 0.15,
    ripple: float = 0.3,
    contamination: float = 0.0,
    jitter: float = 0.0,
    drift: tuple[float, float] = (0.0, 0.0),
    readout: float = 0.0,
    dose: float = 20.0,
    noise: bool = True,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate an image of atomic columns, with faults of specimen, probe, scan and detector.

    Parameters
    ----------
    shape : (int, int)
        Pixels along y and x.
    structure : str
        "square", "hexagonal", "rectangular", "rhombic", "centred_rectangular", "honeycomb",
        "binary_honeycomb", "perovskite" or "dumbbell"; "random" for columns anywhere; or a
        crystal of `crystal.structures`, whose columns are as bright as their
        :math:`\sum Z^{1.7}`.
    zone : (int, int, int)
        Zone axis of a crystal.
    spacing : float, nm
        Distance of nearest columns; otherwise that of the crystal, or 14 pixels.
    sampling : float, nm
        Size of a pixel.
    rotation : float, degrees
        Of the first grain, from +x towards +y. Others are turned at random.
    grains : int
        Each is nearest to one of so many random points.
    strain : (float, float, float)
        ``yy``, ``xx`` and ``xy`` about the middle.
    waviness : float
        Amplitude of a slow wave of displacements, in spacings.
    vacancies, substitutions, adatoms, rotated_bonds : float
        Part of the columns that are missing, of another brightness, have one more beside them,
        or are turned by 90° together with their nearest neighbour.
    disorder : float
        Standard deviation of places along each axis, in spacings.
    ramp : float
        Change of the brightness across the field.
    hole : float
        Radius of a hole over the larger side of the field.
    width : float, nm
        Standard deviation of a column; otherwise 0.17 spacings.
    tail : float
        Part of the height of a column that is in tails of 2.2 and 4.5 widths.
    astigmatism, astigmatism_angle : float, and degrees
        Columns are so much wider along the angle and narrower across it.
    background, ripple, contamination : float
        Level between columns over the height of one, its relative slow change, and blurred dirt.
    jitter : float, pixels
        Standard deviation of the shift of each row.
    drift : (float, float), nm
        How far the specimen moves along y and x during the scan.
    readout : float, counts
        Standard deviation of the noise of the detector.
    dose : float, counts
        At the centre of a column of brightness 1, above the background.
    noise : bool
        Draw counts (float32); otherwise the exact mean (float64).
    rng : int or Generator
        Seed of all that is random.

    Returns
    -------
    DataArray, shape (y, x), counts
        `true_atoms` returns its columns; they, and where some are missing, are in
        ``attrs["metadata"]["truth"]`` in nm.

    Raises
    ------
    DataError
        The shape has no points; `sampling`, `dose`, `spacing` or `width` is not positive; a part is
        not from 0 to below 1; or the structure is unknown.

    Notes
    -----
    The exponent of Z is that of high-angle scattering [1]_.

    References
    ----------
    .. [1] P. Hartel, H. Rose, C. Dinges, *Ultramicroscopy* 63, 93 (1996).
    """
    require_positive(sampling=sampling, dose=dose)
    _require_parts(
        vacancies=vacancies, substitutions=substitutions, adatoms=adatoms,
        rotated_bonds=rotated_bonds, tail=tail, astigmatism=astigmatism,
    )  # fmt: skip
    coords = grid(shape, sampling, "nm", ("y", "x"))
    cell = None if structure == RANDOM else cell_of(structure, zone)
    if spacing is None:
        known = cell is not None and np.isfinite(cell.length)
        spacing = float(cell.length) if known and cell is not None else 14.0 * sampling
    apart = spacing / sampling
    wide = _USUAL_WIDTH * apart if width is None else width / sampling
    require_positive(spacing=spacing, width=wide)
    generator = np.random.default_rng(rng)
    faults = Imperfections(
        rotation, grains, strain, waviness, vacancies, substitutions, adatoms, rotated_bonds,
        disorder, ramp, hole,
    )  # fmt: skip
    instrument = Instrument(
        wide, tail, astigmatism, astigmatism_angle, background, ripple, contamination, jitter,
        (drift[0] / sampling, drift[1] / sampling), readout,
    )  # fmt: skip
    columns = columns_in((shape[0] - 1.0, shape[1] - 1.0), cell, apart, faults, generator)
    places = scanned(columns.places, shape, instrument)
    mean = mean_image(shape, places, columns.brightness, instrument, generator)
    values = detected(mean, dose, instrument, generator) if noise else dose * mean
    bound = position_bound(mean, places, columns.brightness, dose, instrument)
    inside = ((places > -0.5) & (places < np.array(shape) - 0.5)).all(axis=1)
    order = np.flatnonzero(inside)[np.lexsort(places[inside].T[::-1])]
    truth: dict[str, Any] = {
        "y": (sampling * places[order, 0]).tolist(), "x": (sampling * places[order, 1]).tolist(),
        "std": (sampling * bound[order]).tolist(), "intensity": columns.brightness[order].tolist(),
        "kind": columns.kinds[order].tolist(), "missing": (sampling * columns.missing).tolist(),
        "structure": structure, "spacing": spacing, "width": wide * sampling, "dose": dose,
        "units": "nm",
    }  # fmt: skip
    image = xr.DataArray(values.astype(np.float32) if noise else values, coords)
    return measurement(
        image, title="HAADF", quantity="intensity", units="counts", modality="STEM", truth=truth
    )


def true_atoms(scene: xr.DataArray) -> xr.Dataset:
    """Return the columns of a scene that `atom_scene` made.

    Parameters
    ----------
    scene : DataArray
        Its metadata hold the truth.

    Returns
    -------
    Dataset, dimension atom
        ``y`` and ``x`` (nm) with ``y_std`` and ``x_std``, the least that is possible (Cramér and
        Rao); ``intensity``, and ``kind``. `atoms.score_positions` compares others with them.

    Raises
    ------
    DataError
        There is no truth in the metadata.
    """
    truth = scene.attrs.get("metadata", {}).get("truth", {})
    if not {"y", "x", "std", "intensity", "kind"} <= truth.keys():
        message = "expected a scene of simulate.atom_scene, whose metadata hold the truth"
        raise DataError(message)
    atom = {"atom": coordinate("atom", np.arange(len(truth["y"])), "1")}
    y, x, std, intensity = (
        xr.DataArray(np.array(truth[name], np.float64), atom)
        for name in ("y", "x", "std", "intensity")
    )
    kind = xr.DataArray(np.array(truth["kind"], np.int64), atom)
    units = truth["units"]
    return result(
        {"source": "omniscopy.simulate"}, y=(y, units), y_std=(std, units), x=(x, units),
        x_std=(std, units), intensity=(intensity, "1"), kind=(kind, "1"),
    )  # fmt: skip


def _require_parts(**parts: float) -> None:
    for name, value in parts.items():
        if not 0 <= value < 1:
            message = f"{name} must be a part from 0 to below 1, got {value!r}"
            raise DataError(message)
