"""The two measurements of the demo, simulated and written in the formats of instruments."""

from pathlib import Path

import numpy as np
import xarray as xr

from omniscopy.simulate import spectrum_image, surface
from omniscopy.testing.files.dm import DmImage, gatan_tags, write_dm4
from omniscopy.testing.files.igor import write_asylum_image

SPECTRA, TOPOGRAPHY = "eels-spectrum-image.dm4", "afm-topography.ibw"
_NANOMETRE = 1e-9


def write_bundled(folder: Path) -> list[Path]:
    """Write an EELS spectrum image (DM4) and a topography (Igor) and return their paths."""
    spectra, topography = folder / SPECTRA, folder / TOPOGRAPHY
    _write_spectra(spectra, spectrum_image((32, 40), sampling=0.4, counts=2000.0, rng=1))
    _write_topography(topography, surface((192, 256), extent=(750.0, 1000.0), rng=2))
    return [spectra, topography]


def _write_spectra(path: Path, data: xr.DataArray) -> None:
    """Write as DigitalMicrograph does: the energy is the slowest dimension of the file."""
    slowest_first = data.transpose("energy_loss", "y", "x")
    calibrations = [_calibration(data, dim) for dim in ("x", "y", "energy_loss")]
    image = DmImage(
        data=np.ascontiguousarray(slowest_first.values, dtype=np.float32),
        name="EELS Spectrum Image",
        calibrations=calibrations,
        brightness=(0.0, 1.0, "Counts"),
        tags=gatan_tags() | {"EELS Spectrometer": {"Dispersion (eV/ch)": np.float32(0.5)}},
    )
    write_dm4(path, image)


def _calibration(data: xr.DataArray, dim: str) -> tuple[float, float, str]:
    """Return origin, scale and units: a coordinate is (i - origin) * scale."""
    values = data.coords[dim].values
    scale = float(values[1] - values[0])
    return -float(values[0]) / scale, scale, str(data.coords[dim].attrs["units"])


def _write_topography(path: Path, height: xr.DataArray) -> None:
    """Write the height as seen in trace and, a little later and noisier, in retrace."""
    rng = np.random.default_rng(3)
    trace = height.values * _NANOMETRE
    retrace = trace + rng.normal(0.0, 0.02 * _NANOMETRE, trace.shape)
    steps = [float(height.coords[dim][1] - height.coords[dim][0]) for dim in ("y", "x")]
    write_asylum_image(
        path,
        {"HeightTrace": trace, "HeightRetrace": retrace},
        pixel_size=(steps[0] * _NANOMETRE, steps[1] * _NANOMETRE),
        settings={"ImageNote": "simulated: terraces with correlated roughness"},
    )
