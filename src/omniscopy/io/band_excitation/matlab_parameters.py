"""Parameters of the oldest measurements: vectors of numbers in a MATLAB file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.band_excitation.parameters import Parameters
from omniscopy.io.band_excitation.waveforms import Steps
from omniscopy.io.errors import FormatError
from omniscopy.io.matlab import read_variables
from omniscopy.io.records import Axis, Variable

_WANTED = (
    "position_vec", "BE_parm_vec_1", "assembly_parm_vec", "SS_parm_vec", "AO_rate", "BE_wave",
    "bin_ind", "bin_w", "dc_amp_vec_full",
)  # fmt: skip
_DIRECT, _CURRENT, _REVERSAL, _ALTERNATING = (0, 8, 9, 11), (9,), (1, 6, 7), (2, 3, 4)
_FIELDS = ("out-of-field", "in and out-of-field", "in-field")
_MOST_FILES = 50


@dataclass(frozen=True)
class Known:
    """What such a file says: parameters by group, steps, and bins with their excitation."""

    groups: Parameters
    steps: Steps | None
    further: dict[str, Any]


def find_matlab_parameters(files: Sequence[Path]) -> Path | None:
    """Return the file of parameters among those of a folder with spectra, `None` without."""
    names = [each.name.lower() for each in files if each.suffix.lower() == ".dat"]
    if not all(any(part in name for name in names) for part in ("real", "imag")):
        return None
    found = [each for each in files if each.suffix.lower() == ".mat"]
    for each in found[:_MOST_FILES]:
        try:
            said = read_variables(each, ("position_vec", "BE_parm_vec_1"))
        except FormatError:
            continue
        if {"position_vec", "BE_parm_vec_1"} <= set(said):
            return each
    return None


def read_matlab_parameters(path: Path) -> Known:
    """Return what a file says, under the names of later files of parameters."""
    said = read_variables(path, _WANTED)
    place = _vector(path, said, "position_vec", 4)
    burst = _vector(path, said, "BE_parm_vec_1", 9)
    assembly = _vector(path, said, "assembly_parm_vec", 4)
    rate = said.get("AO_rate")
    known = isinstance(rate, np.ndarray) and rate.dtype.kind in "iuf" and rate.size == 1
    groups: Parameters = {
        "grid": {"current_row": _whole(place[0]), "current_col": _whole(place[1]),
                 "num_rows": _whole(place[2]), "num_cols": _whole(place[3])},
        "BE": {
            "phase_content": "chirp-sinc hybrid" if burst[0] == 3 else "Unknown",
            "center_frequency_[Hz]": burst[1], "band_width_[Hz]": burst[2],
            "amplitude_[V]": burst[3], "band_edge_smoothing_[s]": burst[4],
            "phase_variation": burst[5], "window_adjustment": burst[6],
            "points_per_step": _power(burst[7]), "repeats": _power(burst[8]),
        },
        "IO": {"Analog_Input_2": "off" if assembly[3] == 0 else "+/- 10V, FFT"},
    }  # fmt: skip
    if known and isinstance(rate, np.ndarray):
        groups["IO"]["rate_[Hz]"] = float(rate.ravel()[0])
    steps: Steps | None = Steps()
    if "SS_parm_vec" in said:
        told = _vector(path, said, "SS_parm_vec", 10)
        field = int(assembly[2]) if assembly[2] in (0, 1) else 2
        groups["VS"] = _spectroscopy(told, _FIELDS[field])
        steps = _steps(path, told, _vector(path, said, "dc_amp_vec_full", 1))
    return Known(groups, steps, excitation_in(said))


def excitation_in(said: dict[str, Any]) -> dict[str, Any]:
    """Return bins, their frequencies and the spectrum of the burst, as later files name them."""
    wave, places, width = (said.get(name) for name in ("BE_wave", "bin_ind", "bin_w"))
    found = {"BE_bin_ind": places, "BE_bin_w": width}
    if isinstance(wave, np.ndarray) and wave.dtype.kind in "iuf" and wave.size:
        found["FFT_BE_wave"] = np.fft.fftshift(np.fft.fft(wave.ravel()))
    return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}


def _spectroscopy(told: np.ndarray, fields: str) -> dict[str, Any]:
    kind = int(told[0])
    modes = [
        (_CURRENT, "current mode"), (_DIRECT + _REVERSAL, "DC modulation mode"),
        (_ALTERNATING, "AC modulation mode with time reversal"),
    ]  # fmt: skip
    mode = next((name for numbers, name in modes if kind in numbers), "Custom")
    return {
        "mode": mode, "number_of_cycles": _whole(told[2]), "read_voltage_[V]": told[3],
        "steps_per_full_cycle": _whole(told[7]), "set_pulse_amplitude_[V]": told[9],
        "measure_in_field_loops": fields,
    }  # fmt: skip


def _steps(path: Path, told: np.ndarray, applied: np.ndarray) -> Steps:
    """Return the steps that were taken, from what was applied at each of them."""
    kind, cycles = int(told[0]), _whole(told[2])
    if kind in _ALTERNATING:
        attrs = {"units": "V", "quantity": "amplitude"}
        along = {"ac_amplitude": Variable(dims=("sample",), data=applied, attrs=attrs)}
        return Steps((Axis(name="sample", size=applied.size),), along)
    if cycles < 1 or applied.size % cycles:
        message = f"{applied.size} steps are not those of {cycles} cycles"
        raise FormatError(message, path=path, key="SS_parm_vec")
    curves = applied.reshape(cycles, -1)
    outer: tuple[Axis, ...]
    if np.all(curves == curves[0]):
        outer = (Axis(name="cycle", size=cycles, units="1"),) if cycles > 1 else ()
        bias = Axis(name="bias", size=curves.shape[1], values=curves[0], units="V")
        return Steps((*outer, bias))
    # Two cycles of each reversal curve, or one.
    shape = (cycles // 2, 2) if kind == 7 and cycles % 2 == 0 else (cycles,)
    names = ("forc", "cycle")[: len(shape)]
    outer = tuple(Axis(name=n, size=s, units="1") for n, s in zip(names, shape, strict=True))
    step = Axis(name="bias_step", size=curves.shape[1], units="1", kind="spectral",
                quantity="step")  # fmt: skip
    attrs = {"units": "V", "quantity": "bias", "kind": "spectral"}
    values = curves.reshape(*shape, -1)
    return Steps((*outer, step), {"bias": Variable(dims=(*names, "bias_step"), data=values,
                                                   attrs=attrs)})  # fmt: skip


def _vector(path: Path, said: dict[str, Any], name: str, least: int) -> np.ndarray:
    value = said.get(name)
    valid = isinstance(value, np.ndarray) and value.dtype.kind in "iuf" and value.size >= least
    if not valid or not isinstance(value, np.ndarray) or not np.isfinite(value).all():
        message = f"{least} numbers or more were expected for {name!r}"
        raise FormatError(message, path=path, key=name)
    return value.ravel().astype(np.float64)


def _whole(value: float) -> Any:
    return int(value) if value == int(value) else float(value)


def _power(value: float) -> Any:
    return 2 ** int(value) if 0 <= value < 62 else value
