"""Maps of X-ray spectra of two materials that meet."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from scipy import constants

from omniscopy.model import DataError, coordinate, operation
from omniscopy.physics import xray
from omniscopy.physics.electron import require_voltage
from omniscopy.physics.xray.shells import atomic_weight
from omniscopy.simulate.measurements import Random, counted, measurement, require_positive
from omniscopy.simulate.spectra import phase_map

# Counts of the continuum for each count of lines.
_CONTINUUM = 0.25


@operation(example={"shape": (3, 4), "channels": 256, "dispersion": 0.04}, lazy=False)
def eds_map(  # noqa: PLR0913 - options are keywords
    phases: Sequence[Mapping[str, float]] = (
        {"Fe": 0.5, "Pt": 0.5},
        {"Sr": 0.2, "Ti": 0.2, "O": 0.6},
    ),
    *,
    shape: tuple[int, int] = (12, 16),
    sampling: float = 1.0,
    voltage: float = 200e3,
    mass_thickness: float = 2e-4,
    electrons: float = 1e9,
    solid_angle: float = 0.7,
    take_off_angle: float = 20.0,
    resolution: float = 0.13,
    offset: float = 0.0,
    dispersion: float = 0.02,
    channels: int = 1024,
    noise: bool = True,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate the X-ray spectra of a thin film of two materials that meet at a wavy interface.

    Parameters
    ----------
    phases : sequence of mapping of str to float
        Atomic fractions of the elements left and right of the interface; one material fills the
        film.
    shape : (int, int)
        Points along y and x.
    sampling : float, nm
        Distance of the points.
    voltage : float, V
        Of the electrons.
    mass_thickness : float, kg/m²
        Of the film.
    electrons : float
        Electrons of each point.
    solid_angle : float, sr
        Of the detector: 0.45 mm of silicon behind 50 nm of dead silicon.
    take_off_angle : float, deg
        Between the film and the way to the detector.
    resolution : float, keV
        Full width at half maximum at manganese K alpha.
    offset, dispersion : float, keV
        Energy of the first channel, and the step.
    channels : int
        Channels of the energy axis.
    noise : bool
        Draw Poisson counts (float32); otherwise the exact mean (float64).
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (y, x, energy), counts
        The atomic fractions of both materials and the fraction of the second are in
        ``attrs["metadata"]["truth"]``.

    Raises
    ------
    DataError
        There are not one or two materials, or their fractions are not those of elements.

    Notes
    -----
    Each element gives :math:`n \sigma N \epsilon\, \Omega / 4\pi` counts of its alpha line, where
    :math:`n` are the electrons, :math:`N` the atoms of an area, :math:`\sigma` the cross-section
    of emission, and :math:`\epsilon` the efficiency, less what the film itself absorbs. The
    continuum is that of Kramers, with one count for four of lines.
    """
    require_positive(mass_thickness=mass_thickness, electrons=electrons, channels=channels,
                     dispersion=dispersion, resolution=resolution)  # fmt: skip
    require_voltage(voltage)
    if not 1 <= len(phases) <= 2:
        message = f"phases must be one or two compositions, got {len(phases)}"
        raise DataError(message)
    energy = coordinate("energy", offset + dispersion * np.arange(channels), "keV")
    detector = xray.Detector(resolution=resolution)
    film = _Film(voltage, mass_thickness, take_off_angle)
    dose = electrons * solid_angle / (4 * np.pi)
    spectra = [dose * film.spectrum(energy.values, each, detector) for each in phases]
    share = phase_map(shape, sampling=sampling).values[..., None]
    mean = spectra[0] + share * (spectra[-1] - spectra[0])
    coords = {dim: coordinate(dim, sampling * np.arange(size), "nm")
              for dim, size in zip(("y", "x"), shape, strict=True)}  # fmt: skip
    truth = {
        "atomic_fractions": [_normalised(each) for each in phases],
        "fraction_of_second": share[..., 0].tolist(), "mass_thickness": mass_thickness,
        "electrons": electrons, "solid_angle": solid_angle, "resolution": resolution,
        "take_off_angle": take_off_angle,
    }  # fmt: skip
    made = measurement(
        counted(xr.DataArray(mean, {**coords, "energy": energy}), noise=noise, rng=rng),
        title="X-rays", quantity="intensity", units="counts", modality="EDS", truth=truth,
    )  # fmt: skip
    beam = {"voltage": float(voltage)}
    return made.assign_attrs(metadata={**made.attrs["metadata"], "beam": beam})


class _Film:
    """A thin film under a beam."""

    def __init__(self, voltage: float, mass_thickness: float, take_off_angle: float) -> None:
        self.voltage = voltage
        self.mass = mass_thickness * 0.1  # g/cm²
        self.way = 1 / np.sin(np.deg2rad(take_off_angle))

    def spectrum(
        self, energy: np.ndarray, atoms: Mapping[str, float], detector: xray.Detector
    ) -> np.ndarray:
        """Return the counts of one electron, all of whose X-rays go to the detector."""
        step = energy[1] - energy[0] if len(energy) > 1 else 1.0
        bounds = np.append(energy, energy[-1] + step) - step / 2
        fractions = _normalised(atoms)
        molar = sum(part * atomic_weight(symbol) for symbol, part in fractions.items())
        weights = {symbol: part * atomic_weight(symbol) / molar
                   for symbol, part in fractions.items()}  # fmt: skip
        number = self.mass / molar * constants.Avogadro * 1e-24  # atoms for each barn
        made = np.zeros(len(energy))
        for symbol, part in fractions.items():
            for family in xray.families(symbol):
                if family.edge < self.voltage * 1e-3:
                    chi = xray.mass_absorption(weights, family.energy) * self.mass * self.way
                    counts = number * part * xray.emission_cross_section(family, self.voltage)
                    counts *= xray.efficiency(detector, family.energy)
                    shape = xray.family_shape(bounds, family, detector)
                    made += counts / xray.absorption_factor(chi) * shape
        shape = xray.continuum(energy, self.voltage, "kramers", detector)[0]
        return np.asarray(made + _CONTINUUM * made.mean() * shape)


def _normalised(atoms: Mapping[str, float]) -> dict[str, float]:
    total = sum(atoms.values())
    if not atoms or min(atoms.values()) < 0 or not total > 0:
        message = f"a composition must be fractions of elements, got {dict(atoms)!r}"
        raise DataError(message)
    return {symbol: float(part) / total for symbol, part in atoms.items()}
