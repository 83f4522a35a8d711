"""HDF5 files as TofDAQ writes them, for tests and demonstrations."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def write_tofdaq(
    path: str | Path,
    *,
    peaks: np.ndarray | None = None,
    masses: Sequence[float] = (),
    ions: np.ndarray | None = None,
    images: Sequence[np.ndarray] = (),
    field: float = 0.01,
) -> Path:
    """Write a file, as it is recorded or as it is saved with peaks.

    Parameters
    ----------
    path : path
        Where to write; replaced if it exists.
    peaks : ndarray, shape (slices, rows, columns, peaks), optional
        Of each pixel.
    masses : sequence of float
        Of the peaks.
    ions : ndarray of int, shape (slices, rows, columns), optional
        How many ions each pixel has.
    images : sequence of ndarray
        That the beam made.
    field : float, mm
        That a row is of.

    Returns
    -------
    Path
        The file.
    """
    import h5py

    path = Path(path)
    with h5py.File(path, "w") as file:
        file.attrs["TofDAQ Version"] = np.float32(1.99)
        file.attrs["IonMode"] = np.bytes_(b"positive")
        beam = file.create_group("FIBParams")
        beam.attrs["FibHardware"] = np.bytes_(b"Tescan")
        beam.attrs["Voltage"], beam.attrs["Current"], beam.attrs["ViewField"] = 30e3, 0.0, field
        log = [
            (0, b"2025-01-01T12:00:00-05:00", b"started"),
            (1, b"2025-01-01T12:01:00-05:00", b""),
        ]
        kind = [("timestamp", "u8"), ("timestring", "S26"), ("logtext", "S256")]
        file["AcquisitionLog/Log"] = np.array(log, kind)
        file["FullSpectra/MassAxis"] = np.linspace(0, 20, 32, dtype=np.float32) ** 2
        file["FullSpectra/SumSpectrum"] = np.arange(32.0)
        for number, image in enumerate(images):
            file[f"FIBImages/Image{number:04}/Data"] = image
        if peaks is not None:
            table = [(f"nominal_{mass:g}".encode(), mass) for mass in masses]
            file["PeakData/PeakTable"] = np.array(table, [("label", "S64"), ("mass", "f4")])
            file["PeakData/PeakData"] = peaks
            file["FibParams/FibPressure/TwData"] = np.full((len(peaks), 1), 1.7e-4)
        if ions is not None:
            lists = file.create_dataset(
                "FullSpectra/EventList", ions.shape, h5py.vlen_dtype(np.uint16)
            )
            for place in np.ndindex(ions.shape):
                lists[place] = np.zeros(int(ions[place]), np.uint16)
    return path
