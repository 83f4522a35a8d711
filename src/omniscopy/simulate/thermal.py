"""Thermal motion of cantilevers."""

import numpy as np
import xarray as xr

from omniscopy.model import coordinate, operation
from omniscopy.physics import calibration
from omniscopy.simulate.measurements import Random, measurement, require_positive


@operation(example={"points": 400}, lazy=False)
def thermal_spectrum(
    *,
    points: int = 800,
    spring_constant: float = 0.05,
    resonance_frequency: float = 20e3,
    quality_factor: float = 30.0,
    temperature: float = 298.0,
    floor: float = 1e-27,
    averages: int = 100,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate the power density of the thermal deflection of a cantilever.

    Parameters
    ----------
    points : int
        Frequencies up to twice the resonance.
    spring_constant : float, N/m
        Of the cantilever, a beam whose deflection is measured by its angle.
    resonance_frequency : float, Hz
        Of the first mode.
    quality_factor : float
        Of the first mode.
    temperature : float, K
        Of the cantilever.
    floor : float, m²/Hz
        White noise of the detector.
    averages : int
        Spectra that are averaged; none has noise for 0.
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (frequency), m²/Hz
        One-sided. The truth is in the metadata.

    Raises
    ------
    DataError
        `points`, `spring_constant`, `resonance_frequency`, `quality_factor` or `temperature` is not
        positive.

    Notes
    -----
    :math:`\frac{2 \langle z^2 \rangle}{\pi f_0 Q} \frac{f_0^4}{(f^2 - f_0^2)^2 + (f f_0 / Q)^2}`
    and the floor, with :math:`\langle z^2 \rangle = 0.817\, k_B T / k` of the first mode of a beam
    whose angle is measured [1]_; an average of n spectra has a relative noise of
    :math:`1 / \sqrt n`.

    References
    ----------
    .. [1] H.-J. Butt, M. Jaschke, *Nanotechnology* 6, 1 (1995).
    """
    require_positive(
        points=points, spring_constant=spring_constant, resonance_frequency=resonance_frequency,
        quality_factor=quality_factor, temperature=temperature,
    )  # fmt: skip
    frequency = 2.0 * resonance_frequency * np.arange(1, points + 1) / points
    square = calibration.ANGLE * calibration.BOLTZMANN * temperature / spring_constant
    mean = floor + calibration.thermal_peak(
        frequency, square, resonance_frequency, quality_factor
    )[0]  # fmt: skip
    if averages:
        mean = mean * np.random.default_rng(rng).gamma(averages, 1.0 / averages, points)
    values = xr.DataArray(
        mean, {"frequency": coordinate("frequency", frequency, "Hz")}, dims="frequency"
    )
    return measurement(
        values, title="Thermal deflection", quantity="power density", units="m^2/Hz",
        modality="AFM",
        truth={
            "spring_constant": spring_constant, "resonance_frequency": resonance_frequency,
            "quality_factor": quality_factor, "mean_square": square, "floor": floor,
        },
    )  # fmt: skip
