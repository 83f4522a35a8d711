"""The new data format: a record of its own for each point and each kind of excitation."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.band_excitation.parameters import Parameters, number_of, text_of
from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, Key, Measurement, Variable

_NAME = re.compile(r".*_\d+_(r?)(\d+)\.dat", re.IGNORECASE)
_LEAST_ROWS = 6
_MOST_RECORDS = 2**24


@dataclass(frozen=True)
class _Form:
    """The sizes of a record: a table of `rows` by `columns` after two numbers.

    Its last rows hold the real, then the imaginary parts of `bins`, its last columns `steps`.
    """

    rows: int
    columns: int
    bins: int
    steps: int

    @property
    def stride(self) -> int:
        """Return the numbers from one record to the next."""
        return self.rows * self.columns + 2


@dataclass(frozen=True, eq=False)
class RecordSpectra:
    """The complex spectra of records, placed on a grid; -1 where a place has none."""

    path: str
    form: _Form
    count: int
    places: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:  # noqa: D102
        return (*self.places.shape, self.form.steps, self.form.bins)

    @property
    def dtype(self) -> np.dtype[Any]:  # noqa: D102
        return np.dtype(np.complex64)

    @property
    def chunks(self) -> tuple[int, ...] | None:  # noqa: D102
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        *scan, step, band = full_key(key, self.shape)
        form = self.form
        numbers = self.places[tuple(scan)]
        tables = _tables(self.path, form, self.count)
        first = form.rows - 2 * form.bins
        spectra = tables[:, first:, form.columns - form.steps :]
        flat = numbers.ravel()
        read = spectra[np.maximum(flat, 0)]
        values = np.empty((len(flat), form.steps, form.bins), np.complex64)
        values.real = read[:, : form.bins].transpose(0, 2, 1)
        values.imag = read[:, form.bins :].transpose(0, 2, 1)
        values[flat < 0] = np.nan
        made = values[:, step if isinstance(step, slice) else slice(step, step + 1)]
        made = made[:, :, band if isinstance(band, slice) else slice(band, band + 1)]
        kept = [n for n, part in zip(made.shape[1:], (step, band), strict=True)
                if isinstance(part, slice)]  # fmt: skip
        return np.ascontiguousarray(made).reshape(*numbers.shape, *kept)


def is_new(files: Sequence[Path]) -> bool:
    """Return whether a folder holds records of the new data format."""
    return any(_NAME.fullmatch(each.name) for each in files)


def read_new(
    path: Path, groups: Parameters, files: Sequence[Path], *, partial: bool
) -> Measurement:
    """Return a channel for each kind of excitation."""
    channels = []
    for each in files:
        match = _NAME.fullmatch(each.name)
        if match and each.stat().st_size:
            title = f"Excitation {match[2]}{' reversed' if match[1] else ''}"
            channels.append(_channel(each, title, partial=partial))
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


def _channel(path: Path, title: str, *, partial: bool) -> Channel:
    form, count = _form(path, partial=partial)
    tables = _tables(str(path), form, count)
    places, extent = _places(path, tables)
    head = form.rows - 2 * form.bins
    first = np.array(tables[0])
    frequency = first[head : head + form.bins, 2].astype(np.float64)
    excitation = np.empty(form.bins, np.complex64)
    excitation.real, excitation.imag = first[head:, 1].reshape(2, form.bins)
    biases = np.array(tables[:, 1, form.columns - form.steps :], np.float64)
    same = bool(np.all(biases == biases[0]))
    steps = (
        Axis(name="bias", size=form.steps, values=biases[0], units="V")
        if same
        else Axis(name="sample", size=form.steps)
    )
    attrs: dict[str, Any] = {"wave_type": int(first[2, 1]), "daq_channel": int(first[2, 2])}
    told = {"units": "V", "quantity": "excitation"}
    variables = {"excitation": Variable(dims=("frequency",), data=excitation, attrs=told)}
    if not same:
        taken = np.where(places[..., None] >= 0, biases[np.maximum(places, 0)], np.nan)
        variables["bias"] = Variable(dims=("y", "x", "sample"), data=taken,
                                     attrs={"units": "V", "quantity": "bias"})  # fmt: skip
    missing = int(np.count_nonzero(places < 0))
    if missing:
        reason = f"{missing} of {places.size} points have no record"
        attrs["incomplete"] = {
            "missing_from": int(np.argmin(places.ravel() >= 0)),
            "reason": reason,
        }
    return Channel(
        title=title,
        data=RecordSpectra(str(path), form, count, places),
        axes=[*extent, steps, _frequency(frequency)],
        quantity="response",
        units="V",
        modality="AFM",
        source="Band excitation",
        variables=variables,
        attrs=attrs,
    )


def _form(path: Path, *, partial: bool) -> tuple[_Form, int]:
    """Return the sizes of the records of a file, and how many are there."""
    total = path.stat().st_size // 4
    with path.open("rb") as file:
        start = np.frombuffer(file.read(16), "<f4")
    if len(start) < 4 or not np.isfinite(start).all():
        message = "the first record has no length; the file is damaged or of another kind"
        raise FormatError(message, path=path, offset=0)
    rows, columns = int(start[2]), int(start[3])
    whole = rows * columns + 2
    if not (_LEAST_ROWS < rows < 2**24 and 3 < columns < 2**24 and whole <= total):
        message = f"a record of {rows} x {columns} numbers is described, {total} are there"
        raise FormatError(message, path=path, offset=8)
    if not whole - 2 <= int(start[0]) <= whole:
        message = f"the record says it has {start[0]:.0f} numbers and {rows} x {columns}"
        raise FormatError(message, path=path, offset=0)
    with path.open("rb") as file:
        table = np.frombuffer(file.read(4 * (2 + 2 * columns)), "<f4")[2:].reshape(2, columns)
    double, steps = table[1, 0], table[1, 1]
    valid = np.isfinite(table[1, :2]).all() and double == int(double) and int(double) % 2 == 0
    if not valid or not (2 <= double <= rows - _LEAST_ROWS and 1 <= steps <= columns - 3):
        message = (
            f"{double / 2:g} bins and {steps:g} steps do not fit to {rows} x {columns} numbers"
        )
        raise FormatError(message, path=path, offset=4 * (2 + columns))
    form = _Form(rows, columns, int(double) // 2, int(steps))
    count = total // form.stride
    heads = np.memmap(path, "<f4", "r", 0, (count, form.stride))[:, 2:4]
    wrong = np.flatnonzero((heads[:, 0] != rows) | (heads[:, 1] != columns))
    if len(wrong):
        message = f"record {wrong[0]} has other sizes than the first one, which is not read"
        raise FormatError(message, path=path, offset=int(wrong[0]) * form.stride * 4)
    if path.stat().st_size % (4 * form.stride) and not partial:
        message = "the last record is cut short; partial=True reads those before it"
        raise FormatError(message, path=path, offset=count * form.stride * 4)
    return form, count


def _tables(path: str, form: _Form, count: int) -> np.ndarray:
    records = np.memmap(path, "<f4", "r", 0, (count, form.stride))
    return records[:, 2:].reshape(count, form.rows, form.columns)


def _places(path: Path, tables: np.ndarray) -> tuple[np.ndarray, list[Axis]]:
    """Return which record stands at each place of the scan, and the axes of the scan."""
    said = np.array(tables[:, 3:5, :3], np.float64)
    sizes = said[0, :, 0]
    if not np.isfinite(said).all() or np.any(sizes < 1) or np.prod(sizes) > _MOST_RECORDS:
        message = f"a scan of {sizes[0]:g} x {sizes[1]:g} points is described"
        raise FormatError(message, path=path)
    shape = (int(sizes[0]), int(sizes[1]))
    index = said[:, :, 1].astype(np.int64) - 1
    if np.any(index < 0) or np.any(index >= shape):
        wrong = int(np.argmax(np.any((index < 0) | (index >= shape), axis=1)))
        message = f"record {wrong} is at {index[wrong] + 1}, outside of the scan {shape}"
        raise FormatError(message, path=path)
    if np.prod(shape) > 64 * len(tables) + 1024:
        message = f"a scan of {shape} points is described, {len(tables)} records are there"
        raise FormatError(message, path=path)
    places = np.full(shape, -1, np.int64)
    places[index[:, 0], index[:, 1]] = np.arange(len(tables))
    return places, [_position(name, axis, said, index, shape) for axis, name in enumerate("yx")]


def _position(
    name: str, axis: int, said: np.ndarray, index: np.ndarray, shape: tuple[int, int]
) -> Axis:
    """Return an axis of the scan: places in µm from the first one, numbers where they are not."""
    values = np.full(shape[axis], np.nan)
    values[index[:, axis]] = said[:, axis, 2]
    steps = np.diff(values)
    if not np.isfinite(values).all() or len(values) < 2 or not np.all(steps * steps[0] > 0):
        return Axis(name=name, size=shape[axis])
    return Axis(name=name, size=shape[axis], values=values - values.min(), units="um")


def _frequency(values: np.ndarray) -> Axis:
    if np.isfinite(values).all() and np.all(np.diff(values) > 0):
        return Axis(name="frequency", size=len(values), values=values, units="Hz")
    return Axis(name="frequency", size=len(values), kind="spectral")
