# ruff: noqa: D102 - the properties are those of `LazyArray`
"""The records of the new data format: a table for each point, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import full_key
from omniscopy.io.errors import FormatError
from omniscopy.io.records import Key

# Rows of a table before its spectra, and columns before its steps, at least.
LEAST_ROWS, _LEAST_COLUMNS = 6, 3
# Rows of a table that say something of each step.
BIAS, AMPLITUDE = 1, 2
# Runs of records with the same excitation in a file, at most.
_MOST_RUNS = 64


@dataclass(frozen=True)
class Form:
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

    @property
    def head(self) -> int:
        """Return the rows before the spectra."""
        return self.rows - 2 * self.bins

    @property
    def before(self) -> int:
        """Return the columns before the steps."""
        return self.columns - self.steps


@dataclass(frozen=True)
class Run:
    """Records of one form that follow each other, from the number `begin` of a file on.

    `first` of all records of the file is the first of them.
    """

    path: str
    form: Form
    begin: int
    count: int
    first: int

    def tables(self) -> np.ndarray:
        """Return the tables of the records, mapped: shape (records, rows, columns)."""
        records = self._records()
        return records[:, 2:].reshape(self.count, self.form.rows, self.form.columns)

    def _records(self) -> np.ndarray:
        shape = (self.count, self.form.stride)
        return np.memmap(self.path, "<f4", "r", 4 * self.begin, shape)

    def part(self, first: int, stop: int) -> "Run":
        """Return some of the records."""
        begin = self.begin + first * self.form.stride
        return Run(self.path, self.form, begin, stop - first, self.first + first)


def find_runs(path: Path, *, partial: bool) -> list[Run]:
    """Return the records of a file, those apart whose sizes or whose excitation differ.

    Biases that change again and again do not part them.
    """
    found: list[Run] = []
    for run in _runs_of_forms(path, partial=partial):
        found += _runs_of_excitations(path, run)
        if len(found) > _MOST_RUNS:
            message = (
                f"the excitation changes more than {_MOST_RUNS} times from record to record, "
                f"at record {found[-1].first} for the last time: such files are not read"
            )
            raise FormatError(message, path=path, offset=4 * found[-1].begin)
    return found


def _runs_of_forms(path: Path, *, partial: bool) -> Iterator[Run]:
    """Yield runs of records of the same sizes."""
    total = path.stat().st_size // 4
    begin, first = 0, 0
    while begin < total:
        form = _form(path, begin, total, is_first=first == 0)
        whole = (total - begin) // form.stride if form else 0
        if form is None or not whole:
            break
        count = _same(path, form, begin, whole)
        yield Run(str(path), form, begin, count, first)
        begin += count * form.stride
        first += count
    if 4 * begin != path.stat().st_size and not partial:
        message = "the last record is cut short; partial=True reads those before it"
        raise FormatError(message, path=path, offset=4 * begin)


def _form(path: Path, begin: int, total: int, *, is_first: bool) -> Form | None:
    """Return the sizes of the record at a number of the file, `None` where it is cut short."""
    place = 4 * begin
    with path.open("rb") as file:
        file.seek(place)
        start = np.frombuffer(file.read(16), "<f4")
    if len(start) < 4:
        return None
    if not np.isfinite(start).all():
        message = "a record has no length; the file is damaged or of another kind"
        raise FormatError(message, path=path, offset=place)
    rows, columns = int(start[2]), int(start[3])
    whole = rows * columns + 2
    if not (LEAST_ROWS < rows < 2**24 and _LEAST_COLUMNS < columns < 2**24) or (
        whole > total - begin and is_first
    ):
        message = f"a record of {rows} x {columns} numbers is described, {total - begin} are there"
        raise FormatError(message, path=path, offset=place + 8)
    if not whole - 2 <= int(start[0]) <= whole:
        message = f"the record says it has {start[0]:.0f} numbers and {rows} x {columns}"
        raise FormatError(message, path=path, offset=place)
    if whole > total - begin:
        return None
    with path.open("rb") as file:
        file.seek(place + 8)
        table = np.frombuffer(file.read(8 * columns), "<f4").reshape(2, columns)
    double, steps = table[1, 0], table[1, 1]
    valid = np.isfinite(table[1, :2]).all() and double == int(double) and int(double) % 2 == 0
    if not valid or not (2 <= double <= rows - LEAST_ROWS and 1 <= steps <= columns - 3):
        message = (
            f"{double / 2:g} bins and {steps:g} steps do not fit to {rows} x {columns} numbers"
        )
        raise FormatError(message, path=path, offset=place + 4 * (2 + columns))
    return Form(rows, columns, int(double) // 2, int(steps))


def _same(path: Path, form: Form, begin: int, whole: int) -> int:
    """Return how many records from a place on have these sizes."""
    records = np.memmap(path, "<f4", "r", 4 * begin, (whole, form.stride))
    second = 2 + form.columns
    said = np.column_stack([records[:, 2:4], records[:, second : second + 2]])
    wanted = (form.rows, form.columns, 2 * form.bins, form.steps)
    wrong = np.flatnonzero((said != wanted).any(axis=1))
    return int(wrong[0]) if len(wrong) else whole


def _runs_of_excitations(path: Path, run: Run) -> list[Run]:
    """Return runs of the same bins, excitation and amplitudes; and of biases where those are few.

    Of bins and excitation the ends and the middle are compared.
    """
    tables, form = run.tables(), run.form
    rows = form.head + np.unique([0, form.bins // 2, form.bins - 1])
    rows = np.concatenate([rows, rows + form.bins])
    excitations = _changes(tables[:, rows, 1]) | _changes(tables[:, rows, 2])
    excitations |= _changes(tables[:, AMPLITUDE, form.before :])
    biases = excitations | _changes(tables[:, BIAS, form.before :])
    changes = biases if biases.sum() < _MOST_RUNS else excitations
    if changes.sum() >= _MOST_RUNS:
        where = int(np.flatnonzero(changes)[_MOST_RUNS - 1])
        message = (
            f"the excitation changes more than {_MOST_RUNS} times from record to record, at "
            f"record {run.first + where + 1} again: such files are not read"
        )
        raise FormatError(message, path=path, offset=4 * (run.begin + (where + 1) * form.stride))
    ends = [0, *(np.flatnonzero(changes) + 1).tolist(), run.count]
    return [run.part(first, stop) for first, stop in pairwise(ends)]


def _changes(values: np.ndarray) -> np.ndarray:
    """Return whether each record but the first differs from the one before."""
    one, other = values[1:], values[:-1]
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    return ~same.reshape(len(one), -1).all(axis=1)


@dataclass(frozen=True, eq=False)
class RecordSpectra:
    """The complex spectra of records, placed on a grid; -1 where a place has none.

    `order` says which step of a record stands where along the dimensions of the steps.
    """

    run: Run
    places: np.ndarray
    order: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.places.shape, *self.order.shape, self.run.form.bins)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.complex64)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        *parts, band = full_key(key, self.shape)
        among, bins = self.places.ndim, self.run.form.bins
        numbers, steps = self.places[tuple(parts[:among])], self.order[tuple(parts[among:])]
        spectra = self.run.tables()[:, self.run.form.head :, self.run.form.before :]
        flat = numbers.ravel()
        # Whole records are read: they lie together in the file.
        read = spectra[np.maximum(flat, 0)]
        wanted = np.arange(bins)[band]
        made = np.empty((len(flat), steps.size, np.size(wanted)), np.complex64)
        for part, begin in ((made.real, 0), (made.imag, bins)):
            rows = read[:, begin + np.atleast_1d(wanted)]
            part[:] = rows[:, :, steps.ravel()].transpose(0, 2, 1)
        made[flat < 0] = np.nan
        return made.reshape((*numbers.shape, *steps.shape, *wanted.shape))


@dataclass(frozen=True, eq=False)
class RecordRow:
    """What a row of the tables says of each step, placed on a grid; NaN for no record."""

    run: Run
    places: np.ndarray
    order: np.ndarray
    row: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.places.shape, *self.order.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        return None

    def __getitem__(self, key: Key) -> np.ndarray:
        parts = full_key(key, self.shape)
        among = self.places.ndim
        numbers, steps = self.places[tuple(parts[:among])], self.order[tuple(parts[among:])]
        said = self.run.tables()[:, self.row, self.run.form.before :]
        made = np.array(said[np.maximum(numbers.ravel(), 0)])[:, steps.ravel()]
        made[numbers.ravel() < 0] = np.nan
        return made.reshape((*numbers.shape, *steps.shape))
