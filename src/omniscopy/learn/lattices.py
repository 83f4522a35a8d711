"""Images of the five plane lattices, to learn their names from."""

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate
from omniscopy.simulate.scenes.cells import Cell
from omniscopy.simulate.scenes.imaging import Instrument, detected, mean_image
from omniscopy.simulate.scenes.specimens import Imperfections, columns_in

LATTICES = ("square", "rectangular", "centred rectangular", "hexagonal", "oblique", "none")
SIDE = 64
# Length of the shorter lattice vector in pixels.
_SPACING = (5.5, 13.0)
_OFTEN = 0.3
# Of the cells with a second, fainter column: its brightness. Brighter ones make another lattice.
_SECOND = (0.15, 0.5)


def lattice_images(
    count: int, *, size: int = SIDE, rng: int | np.random.Generator = 0
) -> tuple[xr.DataArray, np.ndarray]:
    r"""Simulate images of plane lattices.

    Parameters
    ----------
    count : int
        Images, of each lattice in turn.
    size : int
        Side in pixels.
    rng : Generator or int

    Returns
    -------
    (DataArray, shape (frame, y, x); array of int)
        Images in which bright columns are about 1 high, and the number of each lattice, in the
        order of `LATTICES`.

    Raises
    ------
    DataError
        `count` is below 1 or `size` below 16.

    Notes
    -----
    A lattice is the ratio of its shortest vectors as complex numbers,
    :math:`|\tau| \ge 1, 0 \le \mathrm{Re}\,\tau \le 1/2`: square :math:`i`, hexagonal
    :math:`e^{i \pi / 3}`, rectangular :math:`\mathrm{Re}\,\tau = 0`, centred rectangular
    :math:`|\tau| = 1` or :math:`\mathrm{Re}\,\tau = 1/2`, otherwise oblique. Lattices between
    two kinds, which noise and strain make one, are left out.
    """
    if count < 1 or size < 16:
        message = f"expected at least one image of at least 16 pixels, got {count} of {size}"
        raise DataError(message)
    draw = np.random.default_rng(rng)
    labels = np.arange(count) % len(LATTICES)
    values = np.stack([_image(LATTICES[label], size, draw) for label in labels])
    line = np.arange(size, dtype=np.float64)
    coords = {
        "frame": coordinate("frame", np.arange(count), "1"),
        **{dim: coordinate(dim, line, None) for dim in ("y", "x")},
    }
    return xr.DataArray(values, dims=("frame", "y", "x"), coords=coords), labels


def ratio_of(kind: str, draw: np.random.Generator) -> complex:
    """Return the ratio of the shortest vectors of a lattice that is drawn."""
    match kind:
        case "square":
            return 1j
        case "rectangular":
            return complex(0.0, draw.uniform(1.2, 1.8))
        case "hexagonal":
            return complex(np.exp(1j * np.pi / 3))
        case "centred rectangular":
            if draw.random() < 0.5:
                return complex(0.5, draw.uniform(1.03, 1.5))
            real = draw.uniform(0.14, 0.37)
            return complex(real, np.sqrt(1.0 - real**2))
        case _:
            real, length = draw.uniform(0.15, 0.36), draw.uniform(1.17, 1.6)
            return complex(real, np.sqrt(length**2 - real**2))


def _image(kind: str, size: int, draw: np.random.Generator) -> np.ndarray:
    """Return one image, in noise and with faults."""
    apart = float(np.exp(draw.uniform(*np.log(_SPACING))))
    cell, nearest = (None, apart) if kind == "none" else _cell(kind, apart, draw)

    def sometimes(high: float) -> float:
        return float(draw.uniform(0.0, high)) if draw.random() < _OFTEN else 0.0

    instrument = Instrument(
        width=float(draw.uniform(0.15, 0.24)) * nearest, tail=sometimes(0.3),
        background=float(draw.uniform(0.0, 0.5)), ripple=float(draw.uniform(0.0, 0.5)),
        contamination=sometimes(0.2), readout=sometimes(0.3),
    )  # fmt: skip
    faults = Imperfections(
        rotation=float(draw.uniform(0.0, 360.0)), strain=tuple(draw.uniform(-0.012, 0.012, 3)),
        vacancies=sometimes(0.1), substitutions=sometimes(0.05), ramp=sometimes(1.0),
        disorder=float(draw.uniform(0.0, 0.04)),
    )  # fmt: skip
    columns = columns_in((size - 1.0, size - 1.0), cell, apart, faults, draw)
    if kind == "none" and draw.random() < 0.5:
        # Noise alone; else columns that are anywhere.
        columns = columns.take(np.zeros(len(columns.places), dtype=bool))
    mean = mean_image((size, size), columns.places, columns.brightness, instrument, draw)
    dose = float(np.exp(draw.uniform(*np.log((2.0, 100.0)))))
    return (detected(mean, dose, instrument, draw) / dose).astype(np.float32)


def _cell(kind: str, apart: float, draw: np.random.Generator) -> tuple[Cell, float]:
    """Return a cell whose shorter vector is 1, and the distance of nearest columns in pixels."""
    ratio = ratio_of(kind, draw)
    vectors = np.array([[0.0, 1.0], [ratio.imag, ratio.real]])
    sites, brightness = np.zeros((1, 2)), np.ones(1)
    nearest = apart
    if draw.random() < _OFTEN:
        # Where a second column leaves the lattice as it is.
        place = np.full(2, 1 / 3) if kind == "hexagonal" else np.full(2, 0.5)
        bright = 1.0 if kind == "hexagonal" and draw.random() < 0.5 else draw.uniform(*_SECOND)
        sites, brightness = np.stack([np.zeros(2), place]), np.array([1.0, bright])
        nearest = apart * float(np.hypot(*(place @ vectors)))
    return Cell(vectors, sites, brightness, np.arange(len(sites)), np.nan), nearest
