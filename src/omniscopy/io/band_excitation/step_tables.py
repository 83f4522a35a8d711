"""What was applied step by step in the new data format: the table of steps, and its dimensions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from omniscopy.io.band_excitation.parameters import Parameters, number_of, text_of
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Axis, Variable
from omniscopy.io.spreadsheets import read_rows

FIELDS = ("out-of-field", "in-field")
# Columns of a table before those of its plot groups: step, bias, amplitude, wave, modulation.
_STANDARD, _WAVE, _MODULATION = 5, 3, 4
_MODES = ("dc modulation mode", "current mode")
# Amplitude in V below which nothing was excited, and the values of a step are zeros.
_SILENT = 1e-3


@dataclass(frozen=True)
class StepTable:
    """The steps of a measurement: number of the wave, modulation, and values of plot groups.

    Those of a group are NaN at the steps that are not in it.
    """

    wave: np.ndarray
    modulation: np.ndarray
    groups: Mapping[str, np.ndarray]

    def of_wave(self, wave: int) -> "StepTable":
        """Return the steps with one wave."""
        own = self.wave == wave
        groups = {name: values[own] for name, values in self.groups.items()}
        return StepTable(self.wave[own], self.modulation[own], groups)


@dataclass(frozen=True)
class StepLayout:
    """The dimensions of the steps, and which step of a record stands where."""

    axes: tuple[Axis, ...]
    order: np.ndarray
    coordinates: Mapping[str, Variable] = field(default_factory=dict)

    @property
    def dims(self) -> tuple[str, ...]:
        """Return the names of the dimensions."""
        return tuple(axis.name for axis in self.axes)


def read_step_table(files: Sequence[Path]) -> StepTable | None:
    """Return the table of steps among the files of a folder, `None` without a sound one."""
    for each in files:
        if each.suffix.lower() in (".xls", ".xlsx") and "ud_vs" in each.name.lower():
            try:
                return _table(read_rows(each))
            except FormatError:
                return None
    return None


def _table(rows: list[list[float | str | None]]) -> StepTable | None:
    if len(rows) < 2 or len(rows[0]) < _STANDARD:
        return None
    values = np.array(
        [[cell if isinstance(cell, float) else np.nan for cell in row] for row in rows[1:]]
    )
    # Rows of zeros may follow the last step.
    back = np.flatnonzero(np.diff(values[:, 0]) < 0)
    values = values[: back[0] + 1] if len(back) else values
    groups = {
        str(label).strip(): values[:, _STANDARD + number]
        for number, label in enumerate(rows[0][_STANDARD:])
        if isinstance(label, str) and np.isfinite(values[:, _STANDARD + number]).any()
    }
    return StepTable(values[:, _WAVE], values[:, _MODULATION], groups)


def lay_out_steps(
    bias: np.ndarray, amplitude: np.ndarray, groups: Parameters, table: StepTable | None
) -> StepLayout:
    """Return the dimensions of steps of which bias (V) and amplitude (V) are known.

    Steps within and outside of the field become a dimension; those at which nothing was excited
    are left out where only one of both was measured. Cycles and reversal curves become dimensions
    where the parameters count them, and their biases agree.
    """
    standard = text_of(groups, "VS", "mode").lower() in _MODES
    said = text_of(groups, "VS", "measure_in_field_loops").removesuffix(" only")
    order, applied = np.arange(len(bias)), bias
    inside = _inside(len(bias), said if standard else "", table)
    if inside is not None:
        applied = _biases_of_loops(bias, inside, table)
        silent = np.abs(amplitude) < _SILENT
        if said in FIELDS:
            order = order[~silent] if silent.any() and not silent.all() else order
        elif inside.any() and not inside.all():
            split = _both_fields(order, applied, inside)
            order = order if split is None else split
        if order.ndim == 1 and len(order) == len(bias):
            applied = bias
    return _named(order, applied, amplitude, groups, table)


def _inside(count: int, said: str, table: StepTable | None) -> np.ndarray | None:
    """Return which steps are within the field, `None` where nothing says so."""
    told = {name.lower(): np.isfinite(each) for name, each in table.groups.items()} if table else {}
    one, other = told.get("in-field"), told.get("out-of-field")
    if one is not None and other is not None and not np.any(one & other) and np.all(one | other):
        return one
    if said in (*FIELDS, "in and out-of-field") and count % 2 == 0:
        return np.arange(count) % 2 == 0
    return None


def _biases_of_loops(
    bias: np.ndarray, inside: np.ndarray, table: StepTable | None
) -> np.ndarray:  # fmt: skip
    """Return the bias of the loop at every step: outside of the field that of the step before."""
    made = bias.copy()
    before = np.maximum.accumulate(np.where(inside, np.arange(len(bias)), -1))
    made[before >= 0] = bias[before[before >= 0]]
    for name, values in table.groups.items() if table else ():
        if name.lower() in FIELDS:
            made = np.where(np.isfinite(values), values, made)
    return made


def _both_fields(order: np.ndarray, bias: np.ndarray, inside: np.ndarray) -> np.ndarray | None:
    """Return the steps of both fields, `None` where their biases differ."""
    pair = [order[~inside], order[inside]]
    if len(pair[0]) != len(pair[1]) or not np.allclose(bias[pair[0]], bias[pair[1]], atol=1e-6):
        return None
    return np.stack(pair)


def _named(
    order: np.ndarray, bias: np.ndarray, amplitude: np.ndarray, groups: Parameters,
    table: StepTable | None,
) -> StepLayout:  # fmt: skip
    """Return the dimensions of steps, with cycles and curves folded, and what goes along them."""
    axes: list[Axis] = []
    if order.ndim == 2:
        axes.append(Axis(name="field", size=2, values=np.array(FIELDS), units="1"))
    along = bias[order[0] if order.ndim == 2 else order]
    counts = {
        "forc": number_of(groups, "FORC", "num_of_FORC_cycles", "num_FORC_cycles") or 1,
        "cycle": number_of(groups, "VS", "number_of_cycles") or 1,
    }
    sizes = [int(size) if 1 <= size <= len(along) else 1 for size in counts.values()]
    folded = None if len(along) % np.prod(sizes) else along.reshape(*sizes, -1)
    coordinates: dict[str, Variable] = {}
    if folded is None or not np.array_equal(folded, np.broadcast_to(folded[:, :1], folded.shape)):
        axes.append(Axis(name="bias", size=len(along), values=along, units="V"))
    else:
        axes += [Axis(name=name, size=size, units="1")
                 for name, size in zip(counts, sizes, strict=True) if size > 1]  # fmt: skip
        curves = folded[:, 0]
        if np.array_equal(curves, np.broadcast_to(curves[:1], curves.shape)):
            axes.append(Axis(name="bias", size=curves.shape[1], values=curves[0], units="V"))
        else:
            axes.append(Axis(name="bias_step", size=curves.shape[1], units="1", kind="spectral",
                             quantity="step"))  # fmt: skip
            attrs = {"units": "V", "quantity": "bias", "kind": "spectral"}
            coordinates["bias"] = Variable(dims=("forc", "bias_step"), data=curves, attrs=attrs)
    order = order.reshape([axis.size for axis in axes])
    dims = tuple(axis.name for axis in axes)
    told = {"units": "V", "quantity": "amplitude"}
    coordinates["ac_amplitude"] = Variable(dims=dims, data=amplitude[order], attrs=told)
    for name, values in table.groups.items() if table else ():
        if name.lower() not in FIELDS:
            attrs = {"long_name": name, "quantity": "plot group"}
            slug = "plot_group_" + "".join(c if c.isalnum() else "_" for c in name.lower())
            coordinates[slug] = Variable(dims=dims, data=values[order], attrs=attrs)
    return StepLayout(tuple(axes), order, coordinates)
