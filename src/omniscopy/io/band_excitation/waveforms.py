"""What the system applied step by step, from its parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.band_excitation.parameters import Parameters, number_of, size_of, text_of
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Axis, Variable

_PARTS = {"full": 1.0, "1/2": 0.5, "1/4": 0.25, "3/4": 0.75, "0": 0.0, "1": 1.0}
_MOST_STEPS = 2**20


@dataclass(frozen=True)
class Steps:
    """The spectroscopic dimensions of a spectrogram, the bins of its spectra left out."""

    axes: tuple[Axis, ...] = ()
    coordinates: Mapping[str, Variable] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes of the dimensions."""
        return tuple(axis.size for axis in self.axes)


def steps_of(groups: Parameters, path: Path) -> Steps:
    """Return the dimensions of the voltage spectroscopy; none for a measurement without it."""
    if "VS" not in groups:
        return Steps()
    cycles = size_of(groups, path, "VS", "number_of_cycles", default=1)
    whole = size_of(groups, path, "VS", "steps_per_full_cycle", "num_steps_per_full_cycle")
    forc = size_of(groups, path, "FORC", "num_of_FORC_cycles", "num_FORC_cycles", default=1)
    part = _part(groups, path, "cycle_fraction", "full")
    phase = _part(groups, path, "cycle_phase_shift", "0")
    if whole * cycles * forc > _MOST_STEPS:
        message = f"{whole * cycles * forc} steps are said to be taken at each point"
        raise FormatError(message, path=path, key="VS/steps_per_full_cycle")
    mode = text_of(groups, "VS", "mode").lower()
    if mode.startswith("ac"):
        return _amplitudes(groups, whole, cycles)
    wave = triangle(whole, part, phase)
    outer = [_count("forc", forc), _count("cycle", cycles)]
    kept = tuple(axis for axis in outer if axis.size > 1)
    if forc > 1:
        values = _reversal(groups, wave, forc)
        return _curved(kept, values)
    scale = number_of(groups, "VS", "amplitude_[V]")
    offset = number_of(groups, "VS", "offset_[V]", "read_voltage_[V]") or 0.0
    if scale is None or "arbitrary" in mode or "load" in mode:
        # What was applied stands in another file.
        return Steps((*kept, Axis(name="sample", size=len(wave))))
    return Steps(
        (*kept, Axis(name="bias", size=len(wave), values=scale * wave + offset, units="V"))
    )


def triangle(points: int, part: float = 1.0, phase: float = 0.0) -> np.ndarray:
    """Return a bipolar triangle between -1 and 1: a part of it, shifted by a part.

    A whole one has `points` steps: four quarters 0, 1, 0, -1, 0 without their ends.
    """
    place = np.arange(points) / points
    wave = np.interp(place, [0.0, 0.25, 0.5, 0.75, 1.0], [0.0, 1.0, 0.0, -1.0, 0.0])
    return np.roll(wave, int(phase * points))[: max(round(part * points), 1)]


def frequencies(groups: Parameters, bins: int) -> Axis:
    """Return the frequencies of the bins in the band that the parameters state."""
    centre = number_of(groups, "BE", "center_frequency_[Hz]")
    band = number_of(groups, "BE", "band_width_[Hz]")
    trim = number_of(groups, "BE", "band_edge_trim") or 0.0
    if centre is None or band is None:
        return Axis(name="frequency", size=bins, kind="spectral")
    half = band * (0.5 - trim)
    step = 2.0 * half / max(bins - 1, 1)
    return Axis(name="frequency", size=bins, offset=centre - half, scale=step or 1.0, units="Hz")


def _part(groups: Parameters, path: Path, key: str, default: str) -> float:
    said: Any = text_of(groups, "VS", key) or default
    if said in _PARTS:
        return _PARTS[said]
    try:
        value = float(said)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        message = f"a part of a cycle was expected for {key!r}, got {said!r}"
        raise FormatError(message, path=path, key=f"VS/{key}")
    return value


def _count(name: str, size: int) -> Axis:
    return Axis(name=name, size=size, units="1")


def _reversal(groups: Parameters, wave: np.ndarray, forc: int) -> np.ndarray:
    """Return the biases of each reversal curve, between ends that move from curve to curve."""
    ends = []
    for side in ("high", "low"):
        first, last = (number_of(groups, "FORC", f"V_{side}{n}_[V]") for n in (1, 2))
        ends.append(np.linspace(first or 0.0, (last if last is not None else first) or 0.0, forc))
    high, low = (end[:, None] for end in ends)
    shape = wave / max(float(np.abs(wave).max()), 1e-30)
    return np.asarray(0.5 * (high - low) * shape + 0.5 * (high + low))


def _curved(kept: tuple[Axis, ...], values: np.ndarray) -> Steps:
    """Return steps whose biases differ from curve to curve."""
    step = Axis(name="bias_step", size=values.shape[1], units="1", kind="spectral",
                quantity="step")  # fmt: skip
    attrs = {"units": "V", "quantity": "bias", "kind": "spectral"}
    bias = Variable(dims=("forc", "bias_step"), data=values, attrs=attrs)
    return Steps((*kept, step), {"bias": bias})


def _amplitudes(groups: Parameters, whole: int, cycles: int) -> Steps:
    """Return steps of the amplitude of the excitation: rising, then with time reversed."""
    most = number_of(groups, "VS", "amplitude_[V]")
    kept = (_count("cycle", cycles),) if cycles > 1 else ()
    sample = Axis(name="sample", size=whole)
    if most is None or whole % 2:
        return Steps((*kept, sample))
    half = most * np.arange(1, whole // 2 + 1) / (whole // 2)
    attrs = {"units": "V", "quantity": "amplitude"}
    along = {
        "ac_amplitude": Variable(dims=("sample",), data=np.tile(half, 2), attrs=attrs),
        "reversed": Variable(dims=("sample",), data=np.repeat([0, 1], whole // 2),
                             attrs={"units": "1", "quantity": "time reversal"}),
    }  # fmt: skip
    return Steps((*kept, sample), along)
