"""Synthetic energy-loss spectra with a known truth."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from scipy import ndimage

from omniscopy.eels.axes import DIM
from omniscopy.eels.beams import Beam, beam_of
from omniscopy.eels.core_loss.convolution import fold, reach
from omniscopy.eels.core_loss.cross_sections import Method, Sections
from omniscopy.model import (
    DataError,
    coordinate,
    kind_of_dim,
    labelled,
    operation,
    signal_type_of,
)
from omniscopy.physics.energy_loss.plural import plural, single_scattering
from omniscopy.physics.energy_loss.shells import shells_of
from omniscopy.physics.line_shapes import FWHM_PER_SIGMA

# Atoms in each nm² times barn: 1 barn is 1e-10 nm².
PER_BARN = 1e-10
# Losses to plasmons that core losses are folded with, in eV.
_LOW, _HIGH = -20.0, 300.0
# Electrons in a channel, of which none is ever drawn.
_LEAST = np.finfo(np.float64).tiny


@operation(example={"areal_density": {"O": 50.0}, "channels": 200, "start": 450.0}, lazy=False)
def simulate_spectrum(  # noqa: PLR0913 - numbers of sample, microscope and detector
    areal_density: Mapping[str, float] | None = None,
    *,
    occupation: xr.DataArray | None = None,
    start: float = -20.0,
    dispersion: float = 0.5,
    channels: int = 1024,
    electrons: float = 1e6,
    t_over_lambda: float | xr.DataArray = 0.5,
    plasmon_energy: float = 18.0,
    plasmon_width: float = 4.5,
    zero_loss_fwhm: float = 1.5,
    zero_loss_shift: float | xr.DataArray = 0.0,
    background: float | xr.DataArray = 0.0,
    exponent: float = 3.0,
    voltage: float = 200e3,
    convergence_mrad: float = 0.0,
    collection_mrad: float = 20.0,
    cross_sections: Method = "photoabsorption",
    tables: str | None = None,
    gain: float = 1.0,
    readout_noise: float = 0.0,
    point_spread: float = 0.0,
    noise: bool = True,
    rng: int = 0,
) -> xr.DataArray:
    r"""Simulate energy-loss spectra: zero loss, plasmons, background, edges and detector.

    Parameters
    ----------
    areal_density : mapping of element to number, atoms/nm²
        Of the elements whose edges are on the axis.
    occupation : DataArray, shape (..., element) or (...)
        By which the areal densities are multiplied; ``element`` holds the symbols.
    start, dispersion : float, eV
        First channel and step.
    channels : int
        Of the axis.
    electrons : float
        That enter the spectrometer for each spectrum.
    t_over_lambda : float or DataArray
        Thickness in mean free paths.
    plasmon_energy, plasmon_width, zero_loss_fwhm : float, eV
        Of free electrons, and of the zero-loss peak (a Gaussian).
    zero_loss_shift : float or DataArray, eV
        Drift of the energy: the whole spectrum is shifted by it.
    background : float or DataArray, counts
        Of a power law at the first channel, in spectra that begin above 0 eV.
    exponent : float
        Of the power law.
    voltage : float, V
        Accelerating voltage.
    convergence_mrad, collection_mrad : float, mrad
        Half angles of probe and spectrometer.
    cross_sections : {"photoabsorption", "hydrogenic", "tabulated"}
        See `cross_section`.
    tables : str
        Path of a file of oscillator strengths, for "tabulated".
    gain : float
        Counts for each electron.
    readout_noise : float, counts
        Standard deviation of what reading out a channel adds.
    point_spread : float, eV
        Full width of what the detector makes of one electron; it correlates the noise.
    noise : bool
        Draw electrons; otherwise the exact mean.
    rng : int
        Seed of the noise.

    Returns
    -------
    DataArray, shape (..., energy_loss), counts
        The dimensions of the maps come first, counted where they have no coordinate. The truth is
        in ``attrs["metadata"]["truth"]``, as far as it is numbers.

    Raises
    ------
    DataError
        A number is negative, or an element has no edges.

    Notes
    -----
    :math:`J = N e^{-t/\lambda}\, Z \otimes (\delta + \sum_n (t/\lambda)^n S^{n \otimes} / n!)`
    of the zero loss Z, N electrons and the normal single scattering S (exactly,
    `omniscopy.physics.energy_loss.plural`), and in core losses
    :math:`A (E / E_0)^{-r} + J \otimes \sum_k n_k \sigma_k` with the areal densities n and
    the cross-sections σ [1]_.

    References
    ----------
    .. [1] R. F. Egerton, *Electron Energy-Loss Spectroscopy in the Electron Microscope*,
       3rd ed., Springer (2011), sections 3.4 and 4.3.

    Examples
    --------
    >>> import omniscopy as om
    >>> om.eels.simulate_spectrum({"O": 50.0}, start=450.0, channels=400).sizes["energy_loss"]
    400
    """
    sections = Sections(cross_sections, tables)
    sections.require("cross_sections")
    beam = beam_of(None, voltage, convergence_mrad, collection_mrad)
    _require(dispersion=dispersion, channels=channels, electrons=electrons, exponent=exponent,
             plasmon_energy=plasmon_energy, plasmon_width=plasmon_width,
             zero_loss_fwhm=zero_loss_fwhm, gain=gain)  # fmt: skip
    density = dict(areal_density or {})
    given = (t_over_lambda, zero_loss_shift, background, *_occupied(density, occupation))
    maps = xr.broadcast(*(xr.DataArray(each).reset_coords(drop=True) for each in given))
    thickness, shift, level, *densities = (each.values.astype(np.float64) for each in maps)
    energy = start + dispersion * np.arange(int(channels))
    below = int(np.ceil(-min(_LOW, start) / dispersion))
    above = int(np.ceil(max(_HIGH, energy[-1] if start < 0 else 0.0) / dispersion)) + 1
    grid = dispersion * (np.arange(below + above) - below)
    sigma = zero_loss_fwhm / FWHM_PER_SIGMA
    single = single_scattering(
        dispersion * np.arange(above), plasmon_energy, plasmon_width, beam.voltage, beam.collection
    )
    profile = np.exp(-0.5 * ((grid - shift[..., None]) / sigma) ** 2)
    low = plural(electrons * profile / profile.sum(axis=-1, keepdims=True), single, thickness)
    mean = np.zeros((*thickness.shape, len(energy)))
    if start < 0.0:
        first = int(np.round(start / dispersion)) + below
        mean = mean + low[..., first : first + len(energy)]
    else:
        loss = np.maximum(energy - shift[..., None], 0.5 * dispersion)  # as the energy drifts
        mean = mean + level[..., None] * (loss / start) ** -exponent
    mean = mean + _edges(density, densities, energy, low, (below, above), beam, sections)
    counts = _detected(mean, gain, readout_noise, point_spread / dispersion, noise=noise, rng=rng)
    dims = (*maps[0].dims, DIM)
    along = {
        dim: coordinate(str(dim), np.arange(float(size))) for dim, size in maps[0].sizes.items()
    }
    made = xr.DataArray(counts, dims=dims).assign_coords(
        {**along, **maps[0].coords, DIM: coordinate(DIM, energy, "eV")}
    )
    numbers = {
        "electrons": electrons, "plasmon_energy": plasmon_energy, "plasmon_width": plasmon_width,
        "zero_loss_fwhm": zero_loss_fwhm, "exponent": exponent,
        "t_over_lambda": t_over_lambda, "background": background, "areal_density": density,
    }  # fmt: skip
    return labelled(
        made, units="counts", long_name="Energy-loss spectrum", quantity="intensity",
        signal_type=signal_type_of([kind_of_dim(made, dim) for dim in made.dims]),
        modality="EELS", source="omniscopy.eels",
        metadata={
            "title": "Energy-loss spectrum", "technique": "EELS",
            "beam": {"voltage": beam.voltage, "convergence_angle": convergence_mrad},
            "detector": {"collection_angle": collection_mrad, "gain": gain},
            "truth": _plain(numbers),
        },
    )  # fmt: skip


def _occupied(
    density: Mapping[str, float], occupation: xr.DataArray | None
) -> list[float | xr.DataArray]:
    """Return the areal density of each element, as a map where it is one."""
    for element, atoms in density.items():
        if not (np.isfinite(atoms) and atoms >= 0):
            message = f"areal_density of {element} must not be negative, got {atoms!r}"
            raise DataError(message)
    if occupation is None:
        return [*density.values()]
    if "element" not in occupation.dims:
        return [atoms * occupation for atoms in density.values()]
    missing = [each for each in density if each not in occupation.coords["element"].values]
    if missing:
        message = f"occupation has no element {missing}; it has {occupation['element'].values}"
        raise DataError(message)
    return [
        atoms * occupation.sel(element=each, drop=True) for each, atoms in density.items()
    ]  # fmt: skip


def _edges(  # noqa: PLR0917
    density: Mapping[str, float], values: list[np.ndarray], energy: np.ndarray,
    low: np.ndarray, margins: tuple[int, int], beam: Beam, sections: Sections,
) -> np.ndarray:  # fmt: skip
    """Return the edges of all elements, folded with the low loss."""
    made = np.zeros((*low.shape[:-1], len(energy)))
    step = float(energy[1] - energy[0]) if len(energy) > 1 else 1.0
    whole = reach(energy, step, -step * margins[0], sum(margins))
    for element, atoms in zip(density, values, strict=True):
        known = shells_of(element)
        shells = [
            shell for shell in known if 30.0 <= shell.energy <= whole[-1]
            and sections.knows(shell)
        ]  # fmt: skip
        sigma = sections.sum(shells, np.maximum(whole, 1e-3), beam)
        folded = fold(PER_BARN * step * sigma[None], low)[..., 0, :]
        made = made + atoms[..., None] * folded
    return made


def _detected(
    mean: np.ndarray, gain: float, readout: float, spread: float, *, noise: bool, rng: int
) -> np.ndarray:
    """Return what a detector counts of these electrons."""
    drawn = mean
    generator = np.random.default_rng(rng)
    if noise:
        # Not from 0: no number is drawn there, and rounding says which channels are above it.
        drawn = generator.poisson(np.maximum(mean, _LEAST)).astype(np.float64)
    if spread > 0:
        drawn = ndimage.gaussian_filter1d(drawn, spread / FWHM_PER_SIGMA, axis=-1, mode="nearest")
    drawn = gain * drawn
    if noise and readout > 0:
        drawn = drawn + readout * generator.standard_normal(drawn.shape)
    return drawn.astype(np.float32) if noise else drawn


def _require(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            message = f"{name} must be positive, got {value!r}"
            raise DataError(message)


def _plain(numbers: Mapping[str, object]) -> dict[str, object]:
    """Return what of some numbers is no map, for metadata."""
    made: dict[str, object] = {}
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            made[name] = _plain(value)
        elif not isinstance(value, xr.DataArray):
            made[name] = value
    return made
