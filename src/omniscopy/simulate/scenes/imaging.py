"""From columns to an image: the probe, the scan and the detector."""

from dataclasses import dataclass

import numpy as np

from omniscopy.atoms.refinement.overlap_kernel import add_atoms

# Gaussians that make the tail of a probe: widths over that of its core, and parts of the height.
_TAIL = ((2.2, 0.65), (4.5, 0.35))
_DRAWN = 4.5
# The bound of errors counts pixels up to so many widths from a column.
_WINDOW = 4.0


@dataclass(frozen=True)
class Instrument:
    """How an image is taken; lengths in pixels, heights relative to a column of brightness 1."""

    width: float = 2.4
    tail: float = 0.0
    astigmatism: float = 0.0
    astigmatism_angle: float = 0.0
    background: float = 0.15
    ripple: float = 0.0
    contamination: float = 0.0
    jitter: float = 0.0
    drift: tuple[float, float] = (0.0, 0.0)
    readout: float = 0.0


def forms_of(count: int, width: float, instrument: Instrument) -> np.ndarray:
    """Return the forms (yy, yx, xx) of Gaussians, wider by an astigmatism along its angle."""
    long, short = 1.0 + instrument.astigmatism, 1.0 - instrument.astigmatism
    turn = np.radians(instrument.astigmatism_angle)
    axis = np.array([np.sin(turn), np.cos(turn)])
    form = np.outer(axis, axis) / (width * long) ** 2
    other = np.array([axis[1], -axis[0]])
    form += np.outer(other, other) / (width * short) ** 2
    made: np.ndarray = np.broadcast_to([form[0, 0], form[0, 1], form[1, 1]], (count, 3))
    return made


def scanned(places: np.ndarray, shape: tuple[int, int], instrument: Instrument) -> np.ndarray:
    """Return where columns are in the image of a specimen that drifts during the scan."""
    part = places[:, :1] / shape[0]
    made: np.ndarray = places + part * np.array(instrument.drift)
    return made


def mean_image(
    shape: tuple[int, int],
    places: np.ndarray,
    brightness: np.ndarray,
    instrument: Instrument,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the image without noise, relative to the height of a column of brightness 1."""
    image = np.zeros(shape)
    rows, columns = (np.arange(size, dtype=np.float64) for size in shape)
    layers = [(1.0, 1.0 - instrument.tail)]
    layers += [(wider, instrument.tail * part) for wider, part in _TAIL if instrument.tail > 0]
    for wider, part in layers:
        width = wider * instrument.width
        form = forms_of(len(places), width, instrument)
        atoms = np.column_stack([part * brightness, places, form])
        reach = np.full(len(atoms), _DRAWN * width * (1.0 + instrument.astigmatism))
        add_atoms(atoms, reach, rows, columns, image)
    image += background_of(shape, instrument, rng)
    return _shaken(image, instrument.jitter, rng)


def background_of(
    shape: tuple[int, int], instrument: Instrument, rng: np.random.Generator
) -> np.ndarray:
    """Return what is below the columns: a level, a slow wave, and blurred dirt."""
    from scipy.ndimage import gaussian_filter, zoom

    y, x = (np.arange(size) / max(shape) for size in shape)
    frequency, phase = rng.uniform(0.3, 1.0, 2), rng.uniform(0.0, 2 * np.pi)
    wave = np.sin(2 * np.pi * (frequency[0] * y[:, None] + frequency[1] * x) + phase)
    made = instrument.background * (1.0 + instrument.ripple * wave)
    if instrument.contamination > 0:
        # Dirt is smooth: it is made coarse and drawn fine.
        coarse = rng.standard_normal([max(4, -(-size // 4)) for size in shape])
        blurred = gaussian_filter(coarse, 2.0 * instrument.width / 4 * 3, mode="reflect")
        blurred /= max(float(blurred.std()), 1e-12)
        fine = zoom(blurred, [s / c for s, c in zip(shape, blurred.shape, strict=True)], order=1)
        made = made + instrument.contamination * np.exp(0.7 * fine)
    return np.asarray(made)


def _shaken(image: np.ndarray, jitter: float, rng: np.random.Generator) -> np.ndarray:
    """Return an image whose rows were shifted at random."""
    from scipy.ndimage import map_coordinates

    if not jitter > 0:
        return image
    rows, columns = np.indices(image.shape, dtype=np.float64)
    shift = rng.normal(0.0, jitter, (image.shape[0], 1))
    # Along the rows alone: splines of both axes would ring from row to row.
    moved: np.ndarray = map_coordinates(image, [rows, columns - shift], order=1, mode="nearest")
    return moved


def detected(
    mean: np.ndarray, dose: float, instrument: Instrument, rng: np.random.Generator
) -> np.ndarray:
    """Return counts: those of Poisson at a dose for a column of brightness 1, and readout noise."""
    # Not from 0: no number is drawn there, and rounding says which pixels are above it.
    counts = rng.poisson(np.maximum(mean * dose, np.finfo(np.float64).tiny)).astype(np.float64)
    if instrument.readout > 0:
        counts += instrument.readout * rng.standard_normal(counts.shape)
    return counts


def position_bound(
    mean: np.ndarray, places: np.ndarray, brightness: np.ndarray, dose: float,
    instrument: Instrument,
) -> np.ndarray:  # fmt: skip
    r"""Return the least standard deviation of positions along one axis (Cramér and Rao).

    Of counts with the mean :math:`\mu`, :math:`\sum (\partial \mu / \partial y)^2 / \mu` is what
    is known of a place; that of the neighbours is taken as known. NaN beyond the edges.
    """
    variance = np.clip(mean, 1e-12, None) * dose + instrument.readout**2
    width = instrument.width
    reach = int(np.ceil(_WINDOW * width))
    offset = np.arange(-reach, reach + 1)
    pixel = np.rint(places).astype(np.int64)
    inside = ((pixel >= 0) & (pixel < np.array(mean.shape))).all(axis=1)
    found = np.full(len(places), np.nan)
    padded = np.pad(variance, reach, constant_values=np.inf)
    for begin in range(0, len(places), 1024):
        part = np.flatnonzero(inside[begin : begin + 1024]) + begin
        rows = pixel[part, 0, None] + offset
        columns = pixel[part, 1, None] + offset
        away_y = rows - places[part, :1]
        away_x = columns - places[part, 1:]
        noise = padded[(rows + reach)[:, :, None], (columns + reach)[:, None, :]]
        peak = np.exp(-0.5 * (away_y[:, :, None] ** 2 + away_x[:, None, :] ** 2) / width**2)
        slope = (1 - instrument.tail) * dose * brightness[part, None, None] * peak / width**2
        known = [
            ((slope * away) ** 2 / noise).sum(axis=(1, 2))
            for away in (away_y[:, :, None], away_x[:, None, :])
        ]
        known = np.mean(known, axis=0)
        found[part] = np.where(known > 0, 1.0 / np.sqrt(np.maximum(known, 1e-300)), np.nan)
    return found
