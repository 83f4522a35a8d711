"""The new data format: a record of its own for each point and each kind of excitation."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.band_excitation.parameters import Parameters, number_of, text_of
from omniscopy.io.band_excitation.records import (
    AMPLITUDE,
    BIAS,
    LEAST_ROWS,
    Form,
    RecordRow,
    RecordSpectra,
    Run,
    find_runs,
)
from omniscopy.io.band_excitation.step_tables import (
    StepLayout,
    StepTable,
    lay_out_steps,
    read_step_table,
)
from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, Measurement, Variable

_NAME = re.compile(r".*_\d+_(r?)(\d+)\.dat", re.IGNORECASE)
_MOST_RECORDS = 2**24
# Heights are in m; what is higher is a deflection in V.
_HIGHEST = 1e-3
# Noise of three kinds, in rows 3 to 5 of a table.
_NOISES = ("super_band", "inter_bin_band", "sub_band")


def is_new(files: Sequence[Path]) -> bool:
    """Return whether a folder holds records of the new data format."""
    return any(_NAME.fullmatch(each.name) for each in files)


def read_new(
    path: Path, groups: Parameters, files: Sequence[Path], *, partial: bool
) -> Measurement:
    """Return a channel for each kind of excitation, and for each time that it changed."""
    channels: list[Channel] = []
    table = read_step_table(files)
    for each in files:
        match = _NAME.fullmatch(each.name)
        if match and each.stat().st_size:
            title = f"Excitation {match[2]}{' reversed' if match[1] else ''}"
            wave = -int(match[2]) if match[1] else int(match[2])
            channels += _channels(
                each, title, groups, table.of_wave(wave) if table else None, partial=partial
            )
    metadata = stated(
        {
            "title": text_of(groups, "File", "file_name") or path.parent.name,
            "technique": "Band excitation",
            "instrument": {"vendor": "Oak Ridge National Laboratory"},
            "probe": {"drive_amplitude": number_of(groups, "BE", "amplitude_[V]")},
        }
    )
    original = {name or "file": values for name, values in groups.items()}
    return Measurement(channels=channels, metadata=metadata, original_metadata=original)


def _channels(
    path: Path, title: str, groups: Parameters, table: StepTable | None, *, partial: bool
) -> list[Channel]:
    runs = find_runs(path, partial=partial)
    if not runs:
        message = "the file holds no whole record"
        raise FormatError(message, path=path, offset=0)
    scan = _Scan.of(path, runs)
    names = [title] + [f"{title} from record {run.first + 1}" for run in runs[1:]]
    return [_channel(run, name, scan, groups, table) for run, name in zip(runs, names, strict=True)]


def _channel(
    run: Run, title: str, scan: "_Scan", groups: Parameters, table: StepTable | None
) -> Channel:
    form, tables, places = run.form, run.tables(), scan.places_of(run)
    frequency, excitation = _bins(form, np.array(tables[0]))
    first = np.array(tables[0, :, :3])
    biases = np.array(tables[:, BIAS, form.before :], np.float64)
    amplitude = np.array(tables[0, AMPLITUDE, form.before :], np.float64)
    same = bool(np.all(biases == biases[0]))
    told = {"units": "V", "quantity": "excitation"}
    variables = {"excitation": Variable(dims=("frequency",), data=excitation, attrs=told)}
    other = table is not None and len(table.wave) != form.steps
    if same:
        steps = lay_out_steps(biases[0], amplitude, groups, None if other else table)
    else:
        attrs_of_amplitude = {"units": "V", "quantity": "amplitude"}
        steps = StepLayout(
            (Axis(name="sample", size=form.steps),), np.arange(form.steps),
            {"ac_amplitude": Variable(dims=("sample",), data=amplitude, attrs=attrs_of_amplitude)},
        )  # fmt: skip
    dims = (*(axis.name for axis in scan.axes), *steps.dims)
    if not same:
        taken = np.where(places[..., None] >= 0, biases[np.maximum(places, 0)], np.nan)
        variables["bias"] = Variable(dims=dims, data=taken,
                                     attrs={"units": "V", "quantity": "bias"})  # fmt: skip
    variables |= _beside(run, places, steps.order, dims)
    attrs: dict[str, Any] = {"wave_type": int(first[2, 1]), "daq_channel": int(first[2, 2])}
    if other and table is not None:
        attrs["comment"] = (
            f"the table of steps has {len(table.wave)} of this wave, its records {form.steps}: "
            "it was not used"
        )
    missing = int(np.count_nonzero(places < 0))
    if missing:
        reason = f"{missing} of {places.size} points have no record"
        if scan.records > run.count:
            reason += " with this excitation"
        attrs["incomplete"] = {
            "missing_from": int(np.argmin(places.ravel() >= 0)),
            "reason": reason,
        }
    return Channel(
        title=title,
        data=RecordSpectra(run, places, steps.order),
        axes=[*scan.axes, *steps.axes, frequency],
        quantity="response",
        units="V",
        modality="AFM",
        source="Band excitation",
        variables=variables,
        coordinates=dict(steps.coordinates),
        attrs=attrs,
    )


def _bins(form: Form, table: np.ndarray) -> tuple[Axis, np.ndarray]:
    """Return the frequencies of the bins, and the spectrum of the excitation in them."""
    excitation = np.empty(form.bins, np.complex64)
    excitation.real, excitation.imag = table[form.head :, 1].reshape(2, form.bins)
    values = table[form.head : form.head + form.bins, 2].astype(np.float64)
    if np.isfinite(values).all() and np.all(np.diff(values) > 0):
        return Axis(name="frequency", size=form.bins, values=values, units="Hz"), excitation
    return Axis(name="frequency", size=form.bins, kind="spectral"), excitation


def _beside(
    run: Run, places: np.ndarray, order: np.ndarray, dims: tuple[str, ...]
) -> dict[str, Variable]:
    """Return what a record says of each step beside its spectra: noise, and deflection."""
    if run.form.head < LEAST_ROWS + 2:
        return {}
    made = {
        f"noise_floor_{name}": Variable(
            dims=dims, data=RecordRow(run, places, order, 3 + number),
            attrs={"units": "V", "quantity": "noise", "long_name": f"noise floor, {name}"},
        )
        for number, name in enumerate(_NOISES)
    }  # fmt: skip
    row = run.form.head - 2
    attrs = {"units": "V", "quantity": "deflection", "long_name": "Deflection"}
    return {**made, "deflection": Variable(dims=dims, data=RecordRow(run, places, order, row),
                                           attrs=attrs)}  # fmt: skip


class _Scan:
    """The points of a scan: by row, column, height, and how often there."""

    def __init__(self, axes: list[Axis], places: np.ndarray) -> None:
        self.axes, self._places = axes, places
        self.records = int(np.count_nonzero(places >= 0))

    @classmethod
    def of(cls, path: Path, runs: Sequence[Run]) -> "_Scan":
        """Return the scan that the records of a file tell."""
        said = np.concatenate([np.array(run.tables()[:, 3:6, :3], np.float64) for run in runs])
        sizes = said[0, :, 0]
        if not np.isfinite(said[:, :2]).all() or np.any(sizes[:2] < 1) or (
            np.prod(np.maximum(sizes, 1)) > _MOST_RECORDS
        ):  # fmt: skip
            message = f"a scan of {sizes[0]:g} x {sizes[1]:g} points is described"
            raise FormatError(message, path=path)
        deep = bool(np.isfinite(said[:, 2]).all() and sizes[2] > 1)
        among = 3 if deep else 2
        shape = tuple(int(size) for size in sizes[:among])
        index = said[:, :among, 1].astype(np.int64) - 1
        outside = np.any((index < 0) | (index >= shape), axis=1)
        if outside.any():
            wrong = int(np.argmax(outside))
            message = f"record {wrong} is at {index[wrong] + 1}, outside of the scan {shape}"
            raise FormatError(message, path=path)
        if np.prod(shape) > 64 * len(said) + 1024:
            message = f"a scan of {shape} points is described, {len(said)} records are there"
            raise FormatError(message, path=path)
        axes = [
            _position(name, axis, said, index, shape) for axis, name in enumerate("yxz"[:among])
        ]
        flat = np.ravel_multi_index(tuple(index.T), shape)
        times = _times(flat)
        repeats = int(times.max()) + 1
        places = np.full((*shape, repeats), -1, np.int64)
        places.reshape(-1, repeats)[flat, times] = np.arange(len(said))
        if repeats == 1:
            return cls(axes, places[..., 0])
        return cls([*axes, Axis(name="frame", size=repeats, units="1")], places)

    def places_of(self, run: Run) -> np.ndarray:
        """Return which record of a run stands at each place, -1 for none."""
        own = (self._places >= run.first) & (self._places < run.first + run.count)
        return np.where(own, self._places - run.first, -1)


def _times(places: np.ndarray) -> np.ndarray:
    """Return how often each place was there before."""
    order = np.argsort(places, kind="stable")
    ranked = places[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    lengths = np.diff([*starts, len(places)])
    times = np.empty(len(places), np.int64)
    times[order] = np.arange(len(places)) - np.repeat(starts, lengths)
    return times


def _position(
    name: str, axis: int, said: np.ndarray, index: np.ndarray, shape: tuple[int, ...]
) -> Axis:
    """Return an axis of the scan: places in µm from the first one, numbers where they are not.

    The file has them in m, or in V where the third one is a deflection.
    """
    values = np.full(shape[axis], np.nan)
    values[index[:, axis]] = said[:, axis, 2]
    steps = np.diff(values)
    if not np.isfinite(values).all() or len(values) < 2 or not np.all(steps * steps[0] > 0):
        return Axis(name=name, size=shape[axis])
    if name == "z" and np.abs(values).max() > _HIGHEST:
        return Axis(name="deflection", size=len(values), values=values, units="V",
                    kind="parameter", quantity="deflection")  # fmt: skip
    if name != "z":
        values = values - values.min()
    return Axis(name=name, size=shape[axis], values=1e6 * values, units="um")
