"""Defocus and astigmatism from the rings of power spectra of thin amorphous films."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from omniscopy.compute import least_squares, map_signal
from omniscopy.compute.fitting.problem import Problem, Term
from omniscopy.model import (
    DataError,
    Status,
    operation,
    require_dims,
    require_real,
    require_uniform,
    require_units,
    result,
)
from omniscopy.physics import aberrations as lenses
from omniscopy.physics import electron
from omniscopy.physics.aberrations import Notation

Floats = npt.NDArray[np.float64]
SECTORS = 12  # of half a turn, whose defocus are searched one by one
ASTIGMATISMS = 24  # searched on each side of 0 for each of its parts, each two steps of the defocus
BINS = 256  # of frequencies, in which a search is done
DEGREE = 6  # of the polynomial that what is not rings is taken for
# How the values of pixels of a power spectrum with Hann's window go together, along an axis.
TOGETHER = np.array([1.0 / 36.0, 4.0 / 9.0, 1.0, 4.0 / 9.0, 1.0 / 36.0])
FAINTEST = 0.1  # expected value of a pixel, below which its weight no longer grows
NAMES = ("defocus", "astigmatism", "astigmatism_angle")


class Rings(NamedTuple):
    """What is known before a fit: frequencies (1/Å), and the aberrations that are."""

    voltage: float
    steps: tuple[float, float]
    window: tuple[float, float]
    terms: lenses.Terms
    amplitude_contrast: float
    search: tuple[float, float]


@dataclass(frozen=True)
class RingFormula:
    r"""Rings :math:`a - m e^{-b k^2} \cos(2\chi_0 + s\,[C_{10} + C_a c + C_b d])`.

    Its columns are :math:`2\chi_0`, :math:`s = 2\pi\lambda k^2`, the cosine and sine of twice the
    azimuth, and k².
    """

    parameters: int = 6

    def evaluate(
        self, columns: Sequence[np.ndarray], constants: Sequence[float], parameters: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return values (..., points) and derivatives (..., parameters, points)."""
        del constants
        known, s, cosine, sine, square = columns
        c10, ca, cb, level, height, fall = (parameters[..., [n]] for n in range(6))
        phase = known + s * (c10 + ca * cosine + cb * sine)
        damped = np.exp(-fall * square)
        ring, slope = damped * np.cos(phase), height * damped * np.sin(phase) * s
        values = level - height * ring
        slopes = [
            slope, slope * cosine, slope * sine, np.ones_like(values), -ring,
            height * square * ring,
        ]  # fmt: skip
        return values, np.stack([np.broadcast_to(each, values.shape) for each in slopes], axis=-2)

    def address(self) -> int | None:
        """Return that there is no compiled form."""
        return None


@operation(
    example={
        "image": "thon_image", "voltage": 200e3, "aberrations": {"Cs": 1e7},
        "window": [0.05, 0.3], "defocus_range": [1000.0, 12000.0],
    }
)  # fmt: skip
def fit_thon_rings(
    image: xr.DataArray,
    *,
    voltage: float,
    aberrations: Mapping[str, float] | None = None,
    notation: Notation = "krivanek",
    window: tuple[float, float] | None = None,
    defocus_range: tuple[float, float] = (200.0, 30000.0),
    amplitude_contrast: float = 0.0,
) -> xr.Dataset:
    r"""Fit defocus and twofold astigmatism to the Thon rings of images of thin films.

    Parameters
    ----------
    image : DataArray, shape (..., y, x)
        Image, with lengths along y and x; lazy or in memory.
    voltage : float, V
        Accelerating voltage.
    aberrations : mapping of names to numbers, Å and degrees
        Those that are known, such as ``{"Cs": 1.2e7}``; see `physics.aberrations.terms_of`.
    notation : {"krivanek", "nion", "haider", "ceos"}
        Whose names and factors the aberrations have.
    window : (low, high), 1/Å
        Spatial frequencies fitted; from 10 to 60 % of the largest one otherwise.
    defocus_range : (low, high), Å
        Where the defocus (positive for underfocus) is searched.
    amplitude_contrast : float
        Part of the contrast that is absorption, such as 0.07 of ice.

    Returns
    -------
    Dataset, shape (...)
        ``defocus`` and ``astigmatism`` (Å), ``astigmatism_angle`` (degrees, from +x towards +y,
        -90 to 90) with ``_std``, ``contrast`` of the rings, and ``status``. The defocus is that
        between the two of the astigmatism, :math:`-C_{10}`, with :math:`C_{12}` as the other.
        NaN where a value of the image is.

    Raises
    ------
    DataError
        The image has no lengths, or a window or range is not (low, high).

    Notes
    -----
    Of a weak phase object the power spectrum is :math:`\propto \sin^2\chi` [1]_. It is divided by a
    smooth curve of k; sectors of it are searched for a defocus and an astigmatism (of up to a
    quarter of `defocus_range`) that fit to all, which starts a fit of all pixels. A pixel
    scatters by its expected value, and together with its neighbours as the window of Hann has it:
    so do the standard deviations.

    References
    ----------
    .. [1] F. Thon, Z. Naturforsch. 21a, 476 (1966).
    """
    require_dims(image, ("y", "x"))
    require_real(image)
    steps = []
    for dim in ("y", "x"):
        if image.sizes[dim] < 32:
            message = f"rings need at least 32 pixels along {dim!r}, got {image.sizes[dim]}"
            raise DataError(message)
        factor = require_units(image.coords[dim], "Å", what=f"coordinate {dim!r}")
        step = require_uniform(image, dim)
        if step < 0:  # so that angles are from +x towards +y
            image = image.isel({dim: slice(None, None, -1)})
        steps.append(abs(step) * factor)
    electron.require_voltage(voltage)
    nyquist = 0.5 / max(steps)
    low, high = window or (0.1 * nyquist, 0.6 * nyquist)
    if not (0.0 < low < high <= nyquist and defocus_range[0] < defocus_range[1]):
        message = (
            f"window must be (low, high) up to {nyquist:.3g} 1/Å and defocus_range (low, high) in "
            f"Å, got {(low, high)} and {tuple(defocus_range)}"
        )
        raise DataError(message)
    known = Rings(
        float(voltage), (steps[0], steps[1]), (low, high),
        lenses.terms_of(dict(aberrations or {}), notation), float(amplitude_contrast),
        (float(defocus_range[0]), float(defocus_range[1])),
    )  # fmt: skip
    found = map_signal(
        _fits, image, dim=("y", "x"), output_dims=[{}] * 8, parameters={"known": known}
    )
    units = {"defocus": "Å", "astigmatism": "Å", "astigmatism_angle": "degree"}
    named: dict[str, Any] = {}
    for number, name in enumerate(NAMES):
        named[name] = (found[2 * number], units[name])
        named[f"{name}_std"] = (found[2 * number + 1], units[name])
    return result(
        named.pop("attrs", None), **named, contrast=(found[6], "1"), status=(found[7], "1")
    )


def _fits(image: npt.NDArray[Any], *, known: Rings) -> tuple[Floats, ...]:
    """Return what is fitted to each image, its parameters one after the other."""
    outer = image.shape[:-2]
    rows = [_fit(each.astype(np.float64), known) for each in image.reshape(-1, *image.shape[-2:])]
    table = np.array(rows, np.float64).reshape(-1, 8)
    return tuple(table[:, column].reshape(outer) for column in range(8))


def _fit(image: Floats, known: Rings) -> list[float]:
    if not np.isfinite(image).all() or image.std() == 0.0:
        return [np.nan] * 7 + [float(Status.NO_DATA)]
    spectrum, columns, azimuth, inside = _spectrum(image, known)
    start = _search(spectrum, columns, azimuth, known)
    problem = _problem(known)
    begin = np.array([*start, 1.0, 0.4, 1.0])
    weights = np.ones_like(spectrum)
    # A pixel scatters by what is expected of it, which the first fit says.
    for _ in range(2):
        made = least_squares(
            problem, spectrum[None], begin, columns=columns, weights=weights, compiled=False
        )
        begin = made.parameters[0]
        if not np.isfinite(begin).all():
            return [np.nan] * 7 + [float(made.status[0])]
        expected, slopes = problem.evaluate(columns, begin)
        weights = np.square(np.maximum(expected, FAINTEST)) ** -1.0
    covariance = _covariance(expected, slopes, weights, inside)
    c10, ca, cb, _, height, _ = begin
    size = float(np.hypot(ca, cb))
    along = np.array([ca, cb]) / max(size, 1e-12)
    across = np.array([-along[1], along[0]])
    spread = covariance[1:3, 1:3]
    std = [
        float(np.sqrt(covariance[0, 0])), float(np.sqrt(along @ spread @ along)),
        float(np.rad2deg(np.sqrt(across @ spread @ across) / max(2.0 * size, 1e-12))),
    ]  # fmt: skip
    values = [-float(c10), size, float(np.rad2deg(0.5 * np.arctan2(cb, ca)))]
    pairs = [each for pair in zip(values, std, strict=True) for each in pair]
    return [*pairs, float(height), float(made.status[0])]


def _problem(known: Rings) -> Problem:
    """Return the model of the rings with its bounds."""
    lower, upper = np.full(6, -np.inf), np.full(6, np.inf)
    lower[4], upper[4] = 0.0, 10.0
    lower[5], upper[5] = np.array([-5.0, 20.0]) / known.window[1] ** 2
    linear = np.array([False, False, False, True, True, False])
    return Problem(
        (Term(RingFormula(), (0, 1, 2, 3, 4)),), lower, upper, np.zeros(6, bool), linear,
        np.arange(6), np.ones(6), np.zeros(6),
    )  # fmt: skip


def _covariance(expected: Floats, slopes: Floats, weights: Floats, inside: Any) -> Floats:
    r"""Return the covariance of the parameters, for pixels that scatter together.

    :math:`H^{-1} (\sum_{ij} s_i \rho_{ij} s_j) H^{-1}` with :math:`s = w J \mu` and
    :math:`H = \sum w J J^T`: a pixel scatters by its expected value :math:`\mu`.
    """
    from scipy.ndimage import convolve1d

    scale = np.sqrt(np.square(slopes).sum(axis=1))
    scale[scale == 0.0] = 1.0
    unit = slopes / scale[:, None]
    curvature = (unit * weights) @ unit.T
    planes = np.zeros((len(unit), *inside.shape))
    planes[:, inside] = unit * weights * np.maximum(expected, 0.0)
    spread = convolve1d(planes, TOGETHER, axis=1, mode="wrap")
    spread = convolve1d(spread, TOGETHER, axis=2, mode="constant")
    middle = np.einsum("ayx,byx->ab", planes, spread)
    inverse = np.linalg.pinv(curvature)
    return np.asarray(inverse @ middle @ inverse / np.outer(scale, scale))


def _spectrum(image: Floats, known: Rings) -> tuple[Floats, Floats, Floats, Any]:
    """Return the flattened power, columns and azimuths in the window, and where it is."""
    shape = image.shape
    tapers = [np.hanning(size + 1)[:-1] for size in shape]
    tapered = (image - image.mean()) * tapers[0][:, None] * tapers[1][None, :]
    power = np.square(np.abs(np.fft.rfft2(tapered)))
    ky = np.fft.fftfreq(shape[0], known.steps[0])[:, None]
    kx = np.fft.rfftfreq(shape[1], known.steps[1])[None, :]
    k = np.hypot(ky, kx)
    # Of the column kx = 0 both halves are there, which are the same.
    inside = (k >= known.window[0]) & (k <= known.window[1]) & ((kx > 0.0) | (ky > 0.0))
    k, power = k[inside], power[inside]
    azimuth = np.arctan2(ky + 0.0 * kx, kx + 0.0 * ky)[inside]
    length = float(electron.wavelength(known.voltage))
    y, x = length * k * np.sin(azimuth), length * k * np.cos(azimuth)
    chi = 2.0 * np.pi / length * lenses.wave_aberration(y, x, known.terms)
    chi = chi - np.arcsin(known.amplitude_contrast)
    columns = np.stack([
        2.0 * chi + 0.0 * k, 2.0 * np.pi * length * k**2, np.cos(2.0 * azimuth),
        np.sin(2.0 * azimuth), k**2,
    ])  # fmt: skip
    return power / _smooth(k, power, known), columns, azimuth, inside


def _smooth(k: Floats, power: Floats, known: Rings) -> Floats:
    """Return a smooth curve through the means of the power at each frequency."""
    edges = np.linspace(*known.window, 65)
    place = np.clip(np.searchsorted(edges, k, side="right") - 1, 0, 63)
    count = np.bincount(place, minlength=64)
    mean = np.bincount(place, power, 64) / np.maximum(count, 1)
    used = (count > 0) & (mean > 0.0)
    middle = 0.5 * (edges[1:] + edges[:-1])
    curve = np.polynomial.Polynomial.fit(
        middle[used], np.log(mean[used]), DEGREE, w=np.sqrt(count[used])
    )
    return np.asarray(np.exp(curve(k)))


def _search(
    spectrum: Floats, columns: Floats, azimuth: Floats, known: Rings
) -> tuple[float, float, float]:
    """Return C10 and the two parts of C12 in Å, from the defocus of each sector."""
    known_phase, s, _, _, square = columns
    sector = np.floor((azimuth % np.pi) / np.pi * SECTORS).astype(np.int64) % SECTORS
    # Equal steps of k²: rings of a defocus are equally wide in them.
    low, high = square.min(), square.max() * (1.0 + 1e-9)
    place = ((square - low) / (high - low) * BINS).astype(np.int64)
    index = sector * BINS + place
    count = np.bincount(index, minlength=SECTORS * BINS)
    sums = np.stack([
        np.bincount(index, each, SECTORS * BINS) for each in (spectrum - 1.0, known_phase, s)
    ])  # fmt: skip
    values, phase, scale = (sums / np.maximum(count, 1)).reshape(3, SECTORS, BINS)
    weights = count.reshape(SECTORS, BINS)
    step = np.pi / 4.0 / s.max()
    trial = -np.arange(known.search[0], known.search[1] + step, step)
    score = np.empty((SECTORS, trial.size))
    for number in range(SECTORS):
        rings = np.cos(phase[number] + trial[:, None] * scale[number])
        score[number] = -(rings * values[number]) @ weights[number]
    return _best(score, trial, step)


def _best(score: Floats, trial: Floats, step: float) -> tuple[float, float, float]:
    """Return C10 and the two parts of C12 whose sectors together score best."""
    middle = (np.arange(SECTORS) + 0.5) * np.pi / SECTORS
    most = int(np.clip(len(trial) // 8, 1, ASTIGMATISMS))
    along = 2 * np.arange(-most, most + 1)
    ca, cb = (each.ravel() for each in np.meshgrid(along, along, indexing="ij"))
    # Trials go down from 0, so a larger C10 is an earlier one.
    shift = -np.rint(ca[:, None] * np.cos(2 * middle) + cb[:, None] * np.sin(2 * middle))
    edge = 4 * most
    padded = np.pad(score, ((0, 0), (edge, edge)))
    total = np.zeros((len(ca), len(trial)))
    for number in range(SECTORS):
        windows = np.lib.stride_tricks.sliding_window_view(padded[number], len(trial))
        total += windows[shift[:, number].astype(np.int64) + edge]
    row, column = np.unravel_index(int(total.argmax()), total.shape)
    return float(trial[column]), float(step * ca[row]), float(step * cb[row])
