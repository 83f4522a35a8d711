"""Write spectra of Bruker's programs: XML with the counts as one text."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np


def encode_spectrum(
    counts: np.ndarray,
    *,
    name: str = "Spectrum 1",
    energies: tuple[float, float] | None = (0.01, -0.47),
    header: Mapping[str, str] | None = None,
    hardware: Mapping[str, str] | None = None,
    detector: str = "XFlash 6|30",
    excitation: str = "<ClassInstance Type='TRTESMAHeader'><PrimaryEnergy>1.5E1</PrimaryEnergy>"
    "</ClassInstance>",
) -> str:
    """Return the object of a spectrum.

    Parameters
    ----------
    counts : ndarray, shape (channels,)
        Of the detector.
    name : str
        Of the spectrum.
    energies : (width, start), keV, optional
        Of a channel, and of the first one.
    header, hardware : mappings, optional
        Instead of date, time and number of channels; of the times in ms.
    detector, excitation : str
        Its type, and the object that tells what excited the X-rays.
    """
    said = dict(header or {"Date": "4.3.2018", "Time": "10:6:4", "ChannelCount": str(len(counts))})
    times = hardware or {"RealTime": "40", "LifeTime": "25"}
    if energies is not None:
        said |= {"CalibAbs": f"{energies[1]:E}", "CalibLin": f"{energies[0]:E}"}
    return (
        f"<ClassInstance Type='TRTSpectrum' Name='{name}'><TRTHeaderedClass>"
        f"<ClassInstance Type='TRTSpectrumHardwareHeader'>{_tags(times)}</ClassInstance>"
        "<ClassInstance Type='TRTDetectorHeader'><TRTKnownHeader><Type>RTDetector</Type>"
        f"</TRTKnownHeader><Type>{detector}</Type></ClassInstance>{excitation}</TRTHeaderedClass>"
        f"<ClassInstance Type='TRTSpectrumHeader'>{_tags(said)}</ClassInstance>"
        f"<Channels>{','.join(map(str, counts.tolist()))}</Channels></ClassInstance>"
    )


def write_spx(path: str | Path, *spectra: str) -> Path:
    """Write objects of `encode_spectrum` as a file.

    Parameters
    ----------
    path : path
        Where to write; replaced if it exists.
    *spectra : str
        The objects.
    """
    path = Path(path)
    head = '<?xml version="1.0" encoding="WINDOWS-1252" standalone="yes"?>\r\n'
    body = f"<TRTSpectrum>\r\n<RTHeader/>{''.join(spectra)}</TRTSpectrum>\r\n"
    path.write_bytes((head + body).encode("cp1252"))
    return path


def _tags(values: Mapping[str, str]) -> str:
    return "".join(f"<{key}>{value}</{key}>" for key, value in values.items())
