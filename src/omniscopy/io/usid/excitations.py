"""What programs of band excitation look for beside raw data: bins, steps, noise, mean spectra."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from omniscopy.io.storage.stored import ChunkedTarget, StoredVariable

FREQUENCY = "frequency"
_NOISES = ("super_band", "inter_bin_band", "sub_band")
NOISE = np.dtype([(name, np.float32) for name in _NOISES])
_STANDARD = ("step_num", "dc_offset", "ac_amp", "wave_type", "wave_mod")
_UNITS = ("", "V", "A", "", "")
_INSIDE, _OUTSIDE = "in-field", "out-of-field"


@dataclass(frozen=True)
class Excitation:
    """The steps and bins of a main dataset whose fastest dimension is the frequency."""

    dims: tuple[str, ...]
    sizes: Mapping[str, int]
    coords: Mapping[str, StoredVariable]
    variables: Mapping[str, StoredVariable]
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Return how many spectra there are at each position."""
        return math.prod(self.sizes[dim] for dim in self.dims)

    def along_steps(self, name: str) -> np.ndarray | None:
        """Return what a coordinate is at every step, `None` where it says nothing of steps."""
        found = self.coords.get(name, self.variables.get(name))
        if found is None or not found.dims or not set(found.dims) <= set(self.dims):
            return None
        order = sorted(range(len(found.dims)), key=lambda n: self.dims.index(found.dims[n]))
        values = np.asarray(found.values).transpose(order)
        shape = [self.sizes[dim] if dim in found.dims else 1 for dim in self.dims]
        whole = [self.sizes[dim] for dim in self.dims]
        return np.broadcast_to(values.reshape(shape), whole).ravel()

    def groups(self) -> dict[str, np.ndarray]:
        """Return the plot groups: the bias at their steps, NaN at others."""
        bias = self.along_steps("bias")
        bias = np.zeros(self.steps) if bias is None else bias.astype(np.float64)
        fields = self.along_steps("field")
        if fields is None:
            said = str(self.parameters.get("VS_measure_in_field_loops", _OUTSIDE))
            found = {_INSIDE if said.startswith(_INSIDE) else _OUTSIDE: bias}
        else:
            inside = np.array([str(_text(each)) in (_INSIDE, "0") for each in fields])
            found = {
                _INSIDE: np.where(inside, bias, np.nan), _OUTSIDE: np.where(inside, np.nan, bias)
            }  # fmt: skip
        for name, coord in self.coords.items():
            values = self.along_steps(name) if name.startswith("plot_group_") else None
            if values is not None:
                found[str(coord.attrs.get("long_name", name))] = values.astype(np.float64)
        return found

    def table(self, groups: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the table of steps: what was applied, and the plot groups."""
        bias, amplitude = self.along_steps("bias"), self.along_steps("ac_amplitude")
        applied = np.zeros(self.steps) if bias is None else bias.astype(np.float64)
        fields = self.along_steps("field")
        if fields is not None:
            # Outside of the field the bias is that of reading.
            read = self.parameters.get("VS_read_voltage_[V]", 0.0)
            read = float(read) if isinstance(read, int | float) else 0.0
            applied = np.where(np.isfinite(groups[_INSIDE]), applied, read)
        said = self.parameters.get("BE_amplitude_[V]", np.nan)
        common = float(said) if isinstance(said, int | float) else np.nan
        columns = [
            np.arange(self.steps), applied,
            np.full(self.steps, common) if amplitude is None else amplitude,
            np.ones(self.steps), np.ones(self.steps), *groups.values(),
        ]  # fmt: skip
        return np.stack([np.asarray(each, np.float64) for each in columns], axis=1)


def write_excitation(
    group: Any, main: Any, excitation: Excitation, mean: Any
) -> list[tuple[Any, ChunkedTarget]]:
    """Write the tables beside a main dataset, and refer to them from there.

    `mean` is the spectrum at every step averaged over positions, lazy or not, shape (steps, bins);
    what has yet to be streamed is returned.
    """
    bins, steps = excitation.sizes[FREQUENCY], excitation.steps
    frequency = np.asarray(excitation.coords[FREQUENCY].values, np.float64)
    groups = excitation.groups()
    labels = [*_STANDARD, *groups]
    made = {
        "Bin_Frequencies": frequency,
        "Bin_Indices": np.arange(bins, dtype=np.uint32),
        "Bin_Step": np.arange(bins, dtype=np.uint32),
        "Bin_Wfm_Type": np.ones(bins, np.int32),
        "UDVS": excitation.table(groups),
        "UDVS_Indices": np.repeat(np.arange(steps, dtype=np.uint32), bins),
        "UDVS_Labels": np.array([label.encode() for label in labels]),
    }
    spectrum = excitation.variables.get("excitation")
    if spectrum is not None and spectrum.dims == (FREQUENCY,):
        made["Bin_FFT"] = np.asarray(spectrum.values).astype(np.complex64)
    for name, values in made.items():
        if name not in group:
            main.attrs[name] = group.create_dataset(name, data=values).ref
    table = group["UDVS"]
    table.attrs["labels"] = made["UDVS_Labels"]
    table.attrs["units"] = [unit.encode() for unit in (*_UNITS, *["V"] * len(groups))]
    for number, label in enumerate(labels):
        table.attrs[label] = table.regionref[:, number]
    group["UDVS_Indices"].attrs["UDVS_Step"] = group["UDVS_Indices"].regionref[:]
    pairs: list[tuple[Any, ChunkedTarget]] = []
    for number, (name, values) in enumerate(groups.items()):
        own = np.flatnonzero(np.isfinite(values))
        averaged = group.create_group(f"Spatially_Averaged_Plot_Group_{number:03d}")
        averaged.attrs["Name"] = name
        parameter = averaged.create_dataset("Spectroscopic_Parameter", data=values[own])
        parameter.attrs["name"] = "DC Offset"
        axis = averaged.create_dataset("Bin_Frequencies", data=frequency)
        spectra = mean[own]
        for title, found in (
            ("Mean_Spectrogram", spectra), ("Step_Averaged_Response", spectra.mean(axis=0)),
        ):  # fmt: skip
            target = averaged.create_dataset(title, shape=found.shape, dtype=np.complex64)
            target.attrs["Bin_Frequencies"] = axis.ref
            pairs.append((found, ChunkedTarget(target, tuple(max(n, 1) for n in found.shape))))
        averaged["Mean_Spectrogram"].attrs["Spectroscopic_Parameter"] = parameter.ref
    return pairs


def mean_spectra(values: Any, axes: tuple[int, ...], positions: int, bins: int) -> Any:
    """Return the mean of all positions that were measured, shape (steps, bins).

    `axes` are those of the values, positions first.
    """
    turned = values.transpose(axes)
    rows = tuple(range(positions))
    there = np.isfinite(turned)
    total = np.where(there, turned, 0).sum(axis=rows)
    return (total / np.maximum(there.sum(axis=rows), 1)).reshape(-1, bins)


def noise_of(variables: Mapping[str, StoredVariable]) -> dict[str, StoredVariable]:
    """Return the noise floors by their fields, none where one is missing."""
    found = {name: variables.get(f"noise_floor_{name}") for name in _NOISES}
    return (
        {name: each for name, each in found.items() if each is not None}
        if all(each is not None for each in found.values())
        else {}
    )


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
