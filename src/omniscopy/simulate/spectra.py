"""Spectra of lines, and spectrum images of core losses."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr

from omniscopy.model import coordinate, operation, require_dims
from omniscopy.physics import line_shapes
from omniscopy.simulate.measurements import (
    Random,
    counted,
    grid,
    measurement,
    require_positive,
)

# Onset and edge jump (in units of the background there) of the two edges, eV.
_EDGES = ((456.0, 0.25), (532.0, 0.30))
# Fine structure of each phase: centre (eV), full width (eV), height in units of the background.
_FINE_STRUCTURE = {
    "Ti4+": (
        (457.8, 1.2, 0.50), (460.0, 1.8, 0.75), (463.2, 1.8, 0.55), (465.4, 2.4, 0.60),
        (531.0, 1.6, 0.60), (533.6, 2.2, 0.35), (537.5, 3.0, 0.30),
    ),
    "Ti3+": (
        (458.6, 3.2, 0.70), (463.8, 3.6, 0.60), (532.2, 3.4, 0.40), (540.5, 6.0, 0.30),
    ),
}  # fmt: skip
_EXPONENT = 3.0


@operation(example={"peaks": [(1.9, 0.1, 300.0)]}, lazy=False)
def spectrum(
    peaks: Sequence[tuple[float, float, float]] = (
        (1.85, 0.12, 400.0),
        (2.30, 0.20, 900.0),
        (2.75, 0.10, 250.0),
    ),
    *,
    shape: Literal["gaussian", "lorentzian"] = "lorentzian",
    background: float = 40.0,
    start: float = 1.5,
    stop: float = 3.2,
    channels: int = 512,
    noise: bool = True,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate a spectrum of light of several lines on a constant background.

    Parameters
    ----------
    peaks : sequence of (centre in eV, full width at half maximum in eV, height in counts)
        The lines.
    shape : {"lorentzian", "gaussian"}
        Shape of every line.
    background : float, counts
        Mean counts of a channel without lines.
    start, stop : float, eV
        Ends of the energy axis; `stop` is not part of it.
    channels : int
        Channels of the energy axis.
    noise : bool
        Draw Poisson counts (float32); otherwise the exact mean (float64).
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (energy), counts
        The lines are in ``attrs["metadata"]["truth"]["peaks"]``.

    Raises
    ------
    DataError
        `channels` or a width is not positive, or `stop` is not above `start`.

    Notes
    -----
    :math:`N = b + \sum_i h_i L((E - E_i) / w_i)` with lines L of height 1 and full width
    :math:`w_i`.
    """
    require_positive(channels=channels, width=stop - start)
    energy = coordinate("energy", start + (stop - start) / channels * np.arange(channels), "eV")
    line = {"gaussian": line_shapes.gaussian, "lorentzian": line_shapes.lorentzian}[shape]
    mean = np.full(channels, float(background))
    for centre, width, height in peaks:
        require_positive(width=width)
        mean = mean + height * line(energy.values, centre, width)
    truth = {"peaks": [[float(n) for n in peak] for peak in peaks], "background": background}
    return measurement(
        counted(xr.DataArray(mean, {"energy": energy}), noise=noise, rng=rng),
        title="Cathodoluminescence", quantity="intensity", units="counts", modality="CL",
        truth={**truth, "shape": shape},
    )  # fmt: skip


@operation(example={"shape": (4, 5)}, lazy=False)
def phase_map(shape: tuple[int, int] = (16, 20), *, sampling: float = 0.5) -> xr.DataArray:
    r"""Simulate the fraction of one of two phases that meet at a wavy interface.

    Parameters
    ----------
    shape : (int, int)
        Points along y and x.
    sampling : float, nm
        Distance of the points.

    Returns
    -------
    DataArray, shape (y, x), 1
        The fraction, from 0 at the left to 1 at the right.

    Notes
    -----
    :math:`c = (1 + \tanh((x - x_0(y)) / w)) / 2` with
    :math:`x_0 = L_x (1/2 + \sin(2 \pi y / L_y) / 8)` and :math:`w = L_x / 8`.
    """
    coords = grid(shape, sampling, "nm", ("y", "x"))
    y, x = (xr.DataArray(coords[dim], {dim: coords[dim]}) for dim in ("y", "x"))
    length_y, length_x = (sampling * size for size in shape)
    interface = length_x * (0.5 + np.sin(2 * np.pi * y / length_y) / 8)
    fraction = line_shapes.logistic_step(x, interface, length_x / 8).transpose("y", "x")
    return measurement(
        fraction, title="Fraction of Ti4+", quantity="fraction", units="1", modality="EELS",
        truth={"interface": "x0 = Lx (1/2 + sin(2 pi y / Ly) / 8)", "width": length_x / 8},
    )  # fmt: skip


@operation(example={"channels": 64, "dispersion": 2.0}, lazy=False)
def phase_spectra(
    *,
    counts: float = 1000.0,
    offset: float = 420.0,
    dispersion: float = 0.5,
    channels: int = 280,
) -> xr.DataArray:
    r"""Simulate the core-loss spectra of two oxides of titanium, without noise.

    Parameters
    ----------
    counts : float
        Counts of the background in the first channel.
    offset, dispersion : float, eV
        Energy loss of the first channel, and the step.
    channels : int
        Channels of the energy axis.

    Returns
    -------
    DataArray, shape (component, energy_loss), counts
        Component 0 holds Ti4+ (split Ti L lines), component 1 Ti3+ (unsplit). Both have the
        background ``counts * (energy_loss / offset) ** -3``, edges at 456 eV (Ti L) and 532 eV
        (O K), and their own fine structure.

    Raises
    ------
    DataError
        `counts`, `offset`, `dispersion` or `channels` is not positive.

    Notes
    -----
    :math:`N = n (E/E_0)^{-3} [1 + \sum_e j_e / (1 + e^{-2 (E - E_e - 2\,\mathrm{eV}) /
    1.5\,\mathrm{eV}})]` and Lorentzians, with edges at :math:`E_e`.
    """
    require_positive(counts=counts, offset=offset, dispersion=dispersion, channels=channels)
    energy = coordinate("energy_loss", offset + dispersion * np.arange(channels), "eV")
    component = coordinate("component", np.arange(len(_FINE_STRUCTURE)), "1")
    values = [_core_loss(energy.values, lines, offset) for lines in _FINE_STRUCTURE.values()]
    coords = {"component": component, "energy_loss": energy}
    return measurement(
        xr.DataArray(counts * np.stack(values), coords), title="Core losses of two phases",
        quantity="intensity", units="counts", modality="EELS",
        truth={"phases": [*_FINE_STRUCTURE], "exponent": _EXPONENT},
    )  # fmt: skip


@operation(example={"shape": (3, 4)}, lazy=False)
def spectrum_image(
    shape: tuple[int, int] = (16, 20),
    *,
    sampling: float = 0.5,
    counts: float = 1000.0,
    fractions: xr.DataArray | None = None,
    spectra: xr.DataArray | None = None,
    thickness: xr.DataArray | None = None,
    noise: bool = True,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate a spectrum image of core losses of two phases that mix.

    Parameters
    ----------
    shape : (int, int)
        Points along y and x.
    sampling : float, nm
        Distance of the points.
    counts : float
        Counts of the background in the first channel.
    fractions : DataArray, 1
        Fraction of the first phase, over any dimensions; `phase_map` otherwise, which then
        takes `shape` and `sampling`.
    spectra : DataArray, shape (component, energy_loss), counts
        Spectra of the two phases; `phase_spectra` otherwise, which then takes `counts`.
    thickness : DataArray, 1
        By which the counts of each point are multiplied; the sample is as thick everywhere
        otherwise, so that only the shape of spectra tells the phases apart.
    noise : bool
        Draw Poisson counts (float32); otherwise the exact mean (float64), of rank 2.
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (y, x, energy_loss), counts
        Power-law background, Ti L and O K edges with fine structure. The truth is what
        `phase_map` and `phase_spectra` return for the same parameters.

    Raises
    ------
    DataError
        `spectra` have no dimensions component and energy_loss, or the shape has no points.

    Notes
    -----
    :math:`N = t\, [c\, S_1 + (1 - c) S_2]` with the fraction c, the spectra S and the thickness
    t.
    """
    fractions = phase_map(shape, sampling=sampling) if fractions is None else fractions
    spectra = phase_spectra(counts=counts) if spectra is None else spectra
    require_dims(spectra, ["component", "energy_loss"])
    first, second = (spectra.isel(component=n, drop=True) for n in (0, 1))
    mean = fractions * first + (1 - fractions) * second
    if thickness is not None:
        mean = thickness.drop_attrs() * mean
    truth = {"edges": {"Ti_L": 456.0, "O_K": 532.0}, "exponent": _EXPONENT, "rank": 2}
    return measurement(
        counted(mean, noise=noise, rng=rng), title="EELS", quantity="intensity",
        units="counts", modality="EELS", truth=truth,
    )  # fmt: skip


def _core_loss(
    energy: np.ndarray, lines: Sequence[tuple[float, float, float]], offset: float
) -> np.ndarray:
    """Return background, edges and fine structure, 1 in the first channel."""
    decay = line_shapes.power_law(energy / offset, _EXPONENT)
    total = decay.copy()
    for onset, jump in _EDGES:
        total += jump * decay * line_shapes.logistic_step(energy, onset + 2.0, 1.5)
    for centre, width, height in lines:
        total += (
            height * (centre / offset) ** -_EXPONENT * line_shapes.lorentzian(energy, centre, width)
        )
    return total
