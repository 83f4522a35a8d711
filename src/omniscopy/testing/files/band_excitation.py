"""Write folders of the band-excitation system: parameters, headerless spectra and records."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from omniscopy.testing.files.matlab import write_mat

PARAMETERS = """<File parameters>
file path : C:\\Data
file name : {name}
date and time : 03-Feb-2014 12:00:00
<IO parameters>
IO rate : 4 MHz
<grid parameters>
# rows : {rows}
# cols : {cols}
<BE parameters>
center frequency [Hz] : 350000
band width [Hz] : 60000
amplitude[V] : 1.5
band edge trim : 0.1
{bins}"""
SPECTROSCOPY = """<VS parameters>
1 mode : {mode}
amplitude[V] : {amplitude}
offset[V] : {offset}
steps per full cycle : {steps}
number of cycles : {cycles}
cycle fraction : {fraction}
cycle phase shift : {phase}
measure in field loops : {fields}
<FORC parameters>
# of FORC cycles : {forc}
FORC V high1[V] : 1
FORC V high2[V] : 9
FORC V low1[V] : -1
FORC V low2[V] : -5
"""


def encode_parameters(
    shape: tuple[int, int], *, bins: int | None = None, **spectroscopy: object
) -> str:
    """Return parameters of a scan of (rows, columns), with spectroscopy where any is given."""
    told = f"bins per band : {bins}\n" if bins else ""
    text = PARAMETERS.format(name="sample_0001_d", rows=shape[0], cols=shape[1], bins=told)
    if spectroscopy:
        said = {"mode": "DC modulation mode", "amplitude": 8, "offset": 0, "cycles": 1,
                "fraction": "full", "phase": 0, "forc": 1, "fields": "out-of-field",
                **spectroscopy}  # fmt: skip
        text += SPECTROSCOPY.format(**said)
    return text


def write_odf(path: Path, spectra: Mapping[str, np.ndarray], parameters: str) -> Path:
    """Write a folder in the old data format.

    Parameters
    ----------
    path : Path
        The file of parameters; spectra are written beside it.
    spectra : mapping of "read" or "write" to complex ndarray
        In the order of the file, in single precision.
    parameters : str
        What `encode_parameters` returns.
    """
    path.write_text(parameters, "utf-8")
    for field, values in spectra.items():
        for part in ("real", "imag"):
            name = path.with_name(f"sample_{field}_{part}.dat")
            name.write_bytes(np.ascontiguousarray(getattr(values, part), "<f4").tobytes())
    return path


def write_ndf(
    path: Path,
    spectra: np.ndarray,
    parameters: str,
    *,
    bias: np.ndarray,
    frequency: np.ndarray,
    wave: int = 1,
    amplitude: float | np.ndarray = 1.5,
    name: str = "sample_1_1.dat",
) -> Path:
    """Write a folder in the new data format; `spectra` have the shape (y, x, steps, bins)."""
    path.write_text(parameters, "utf-8")
    rows, columns = spectra.shape[:2]
    content = b""
    for number in range(rows * columns):
        y, x = divmod(number, columns)
        content += encode_record(
            spectra[y, x], (y, x, 0), (rows, columns, 1), bias=bias, frequency=frequency,
            number=number, wave=wave, amplitude=amplitude,
        )  # fmt: skip
    path.with_name(name).write_bytes(content)
    return path


def encode_record(
    spectra: np.ndarray,
    place: tuple[int, int, int],
    scan: tuple[int, int, int],
    *,
    bias: np.ndarray,
    frequency: np.ndarray,
    number: int = 0,
    wave: int = 1,
    amplitude: float | np.ndarray = 1.5,
) -> bytes:
    """Return the record of a point (y, x, z) of a scan; `spectra` have the shape (steps, bins)."""
    head, before = 9, 3
    steps, bins = spectra.shape
    table = np.zeros((head + 2 * bins, before + steps), "<f4")
    table[0, :2] = table.shape
    table[1, :2] = 2 * bins, steps
    table[2, 1:3] = wave, 4
    metres = (1e-5 + 5e-7 * place[0], -3e-6 + 2.5e-7 * place[1], 1e-8 * place[2])
    for axis in range(3):
        table[3 + axis, :3] = scan[axis], place[axis] + 1, metres[axis]
    table[head : head + bins, 1], table[head + bins :, 1] = 0.25, -0.5
    table[head : head + bins, 2] = frequency
    table[head + bins :, 2] = np.arange(100, 100 + bins)
    table[0, before:] = np.arange(1, steps + 1)
    table[1, before:] = bias
    table[2, before:] = amplitude
    table[3:6, before:] = np.array([[1e-3], [2e-3], [3e-3]]) * (1 + number)
    table[head - 2, before:] = 0.1 + number
    table[head : head + bins, before:] = spectra.T.real
    table[head + bins :, before:] = spectra.T.imag
    return np.array([table.size + 2, number + 1], "<f4").tobytes() + table.tobytes()


def write_lines(path: Path, records: np.ndarray, parameters: str, *, inputs: int = 1) -> Path:
    """Write a general-mode scan: one headerless file for each input."""
    path.write_text(parameters, "utf-8")
    for number in range(1, inputs + 1):
        name = path.with_name(f"bigtime_0{number}.dat")
        name.write_bytes(np.ascontiguousarray(records * number, "<f4").tobytes())
    return path


def write_time_resolved(
    folder: Path, transients: np.ndarray, bias: np.ndarray, *, duration: float = 2e-3
) -> Path:
    """Write a folder of time-resolved Kelvin probe force microscopy.

    Parameters
    ----------
    folder : Path
        Where the files are written; the one of the first channel is returned.
    transients : complex ndarray, shape (harmonic, y, x, bias, field, time)
        In single precision.
    bias : ndarray, shape (bias)
        Volts, of the second field; there are 0 V in the first.
    duration : float
        Seconds in each field.
    """
    rows, columns, *inner = transients.shape[1:]
    steps = np.stack([np.zeros(len(bias)), bias], axis=1).ravel()
    numbers = {"num_rows": rows, "num_cols": columns, "IO_rate": 1e6, "IO_time": duration}
    write_mat(folder / "s_parm.mat", {"dc_amp_vec": steps, **{
        key: np.array([float(value)]) for key, value in numbers.items()
    }})  # fmt: skip
    values = inner[0] * inner[1] * inner[2]
    head = np.array([values + 5, 0, 0, inner[2], values // inner[2]], "<f4").tobytes()
    for number, each in enumerate(part for one in transients for part in (one.real, one.imag)):
        content = b"".join(
            head + record.tobytes()
            for record in np.ascontiguousarray(each, "<f4").reshape(rows * columns, values)
        )
        (folder / f"s_ch{number + 1:02d}.dat").write_bytes(content)
    return folder / "s_ch01.dat"
