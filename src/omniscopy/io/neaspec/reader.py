"""Read neaSPEC spectra and interferograms: settings, then a table with a line for each point."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.errors import FormatError
from omniscopy.io.quantities import finite_number, moment_of, stated, text_of
from omniscopy.io.records import Axis, Channel, Measurement
from omniscopy.io.spectral_axes import spectral_axis
from omniscopy.io.surfaces import map_axes

_MOST_BYTES = 1 << 30
_PLACES = ("Row", "Column", "Run")
# Numbers of points, which say nothing beyond their order.
_ORDERS = {"Omega", "Depth"}
_HARMONIC = re.compile(r"[OME]\d?([AP])")
_DATES = ("%m/%d/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S")
# How many times as many points may be announced as there are lines.
_MOST_ANNOUNCED, _FREE = 64, 1 << 16

Settings = dict[str, list[str]]


def read(path: Path, *, partial: bool = False) -> Measurement:
    """Return the spectra or interferograms of the neaSPEC file at `path`.

    Parameters
    ----------
    path : Path
        An export as text.
    partial : bool
        Read a file that is cut short as far as it goes.

    Returns
    -------
    Measurement
        Amplitude (as it was recorded) and phase (rad) of each harmonic: (y, x, wavenumber) for a
        map, without the dimensions along which there is one place, with `cycle` where runs were
        repeated. Interferograms are along `sample`. `x` and `y` start in the upper left, in µm.
        Points that were not reached are NaN.

    Raises
    ------
    FormatError
        The file is cut short, or has no table.
    """
    path = Path(path)
    settings, titles, lines, is_cut = _parse(path, partial=partial)
    table = _numbers(lines, len(titles))
    columns = {title: table[:, number] for number, title in enumerate(titles)}
    missing_titles = {"Row", "Column"} - set(titles)
    if missing_titles:
        message = f"columns Row and Column were expected, {', '.join(titles)} were found"
        raise FormatError(message, path=path)
    shape, places = _arrange(path, settings, columns)
    axes, abscissa = _axes(settings, columns, shape, places)
    reached = np.zeros(math.prod(shape), dtype=bool)
    reached[places[places >= 0]] = True
    attrs: dict[str, Any] = {}
    if is_cut or not reached.all():
        reason = "the file is cut short" if is_cut else "not all points were reached"
        attrs["incomplete"] = {"missing_from": int(np.count_nonzero(reached)), "reason": reason}
    kept = tuple(size for size, axis in zip(shape, axes, strict=True) if axis is not None)
    channels = []
    for title, values in columns.items():
        if title in _PLACES or title in _ORDERS or title == abscissa:
            continue
        filled = np.full(math.prod(shape), np.nan)
        filled[places[places >= 0]] = values[places >= 0]
        found = _HARMONIC.fullmatch(title)
        is_phase = found is not None and found[1] == "P"
        channels.append(
            Channel(
                title=title,
                data=filled.reshape(kept),
                axes=[axis for axis in axes if axis is not None],
                quantity=None if found is None else "phase" if is_phase else "amplitude",
                units="rad" if is_phase else None,
                modality="SNOM",
                source="neaSPEC",
                attrs=attrs,
            )
        )
    if not channels:
        message = "the table has no values beside the places of its points"
        raise FormatError(message, path=path)
    return Measurement(
        channels=channels,
        metadata=_metadata(settings),
        original_metadata={key: " ".join(words) for key, words in settings.items()},
    )


def _parse(path: Path, *, partial: bool) -> tuple[Settings, list[str], list[str], bool]:
    """Return settings, titles of columns and the lines of the table, and whether it is cut."""
    if path.stat().st_size > _MOST_BYTES:
        message = "the text is longer than 1 GB"
        raise FormatError(message, path=path)
    raw = path.read_bytes()
    text = text_of(raw)
    # A line ends with a tab or a break: without, the last number may have lost digits.
    is_cut = not text.endswith(("\n", "\r", "\t"))
    lines = text.splitlines()
    settings: Settings = {}
    said = (number for number, line in enumerate(lines) if line.strip() and line[0] != "#")
    start = next(said, None)
    if start is None:
        message = "the file ends before its table"
        raise FormatError(message, path=path, offset=len(raw))
    for line in lines[:start]:
        key, colon, value = line[1:].partition(":")
        if colon:
            settings[key.strip()] = [word.strip() for word in value.split("\t") if word.strip()]
    titles = [word.strip() for word in lines[start].strip().split("\t")]
    rows = [line for line in lines[start + 1 :] if line.strip()]
    short = bool(rows) and len(rows[-1].rstrip("\t").split("\t")) < len(titles)
    if is_cut or short:
        if not partial:
            message = "the last line is not whole; the file is cut short"
            raise FormatError(message, path=path, offset=len(raw))
        rows = rows[:-1]
    if not rows:
        message = "the table has no lines"
        raise FormatError(message, path=path, offset=len(raw))
    return settings, titles, rows, is_cut or short


def _numbers(lines: Sequence[str], count: int) -> np.ndarray:
    """Return the numbers of a table; what is no number is NaN."""
    try:
        return np.loadtxt(lines, delimiter="\t", usecols=range(count), ndmin=2, comments=None)
    except ValueError:
        table = np.full((len(lines), count), np.nan)
        for row, line in zip(table, lines, strict=True):
            for place, word in enumerate(line.split("\t")[:count]):
                number = finite_number(word)
                row[place] = np.nan if number is None else number
        return table


def _arrange(
    path: Path, settings: Settings, columns: dict[str, np.ndarray]
) -> tuple[tuple[int, ...], np.ndarray]:
    """Return rows, columns, runs and points, and the flat place of each line, -1 for none.

    The points of a place are in the order of the lines.
    """
    lines = len(columns["Row"])
    indices = [columns.get(title, np.zeros(lines)) for title in _PLACES]
    is_sound = np.all([np.isfinite(index) & (index >= 0) & (index < 1e6) for index in indices], 0)
    wholes = [np.where(is_sound, index, 0).astype(np.int64) for index in indices]
    announced = [int(finite_number(word) or 0) for word in settings.get("Pixel Area (X, Y, Z)", [])
                 [-3:]]  # fmt: skip
    across, down, points = announced if len(announced) == 3 else (0, 0, 0)
    sizes = [max(whole.max(), 0) + 1 for whole in wholes]
    rows, columns_, runs = max(sizes[0], down), max(sizes[1], across), sizes[2]
    group = (wholes[0] * columns_ + wholes[1]) * runs + wholes[2]
    group[~is_sound] = -1
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    counts = np.diff(np.r_[starts, lines])
    along = np.empty(lines, dtype=np.int64)
    along[order] = np.arange(lines) - np.repeat(starts, counts)
    most = max(int(along[is_sound].max()) + 1 if is_sound.any() else 0, points, 1)
    shape = (int(rows), int(columns_), int(runs), most)
    if math.prod(shape) > max(_MOST_ANNOUNCED * lines, _FREE):
        message = f"{shape} points were announced, the table has {lines} lines"
        raise FormatError(message, path=path)
    return shape, np.where(is_sound, group * most + along, -1)


def _axes(
    settings: Settings, columns: dict[str, np.ndarray], shape: tuple[int, ...], places: np.ndarray
) -> tuple[list[Axis | None], str]:
    """Return axes, `None` along which there is one place, and the column that is a label."""
    rows, across, runs, points = shape
    lengths = [finite_number(word.replace(",", "")) for word in
               settings.get("Scan Area (X, Y, Z)", [])[-3:]]  # fmt: skip
    x, y = (lengths[0], lengths[1]) if len(lengths) == 3 else (None, None)
    steps = [y / rows if y else None, x / across if x else None]
    plane = map_axes((rows, across), steps, "µm")
    last, title = Axis(name="sample", size=points), ""
    if "Wavenumber" in columns:
        labels = np.full(points, np.nan)
        along = places[places >= 0] % points
        labels[along[::-1]] = columns["Wavenumber"][places >= 0][::-1]
        same = np.isclose(labels[along], columns["Wavenumber"][places >= 0], equal_nan=True)
        if np.isfinite(labels).all() and same.all():
            last, title = spectral_axis(labels, "1/cm"), "Wavenumber"
    axes = [*plane, Axis(name="cycle", size=runs)]
    return [*(axis if axis.size > 1 else None for axis in axes), last], title


def _metadata(settings: Settings) -> dict[str, Any]:
    def number(key: str) -> float | None:
        words = settings.get(key, [])
        return finite_number(words[-1].replace(",", "")) if words else None

    def text(key: str) -> str:
        return " ".join(settings.get(key, []))

    version = text("Version")
    return stated(
        {
            "technique": "SNOM",
            "title": text("Project"),
            "comment": text("Description"),
            "started": moment_of(text("Date"), *_DATES),
            "instrument": {
                "vendor": "neaSPEC",
                "software": f"neaSCAN {version}" if version else None,
            },
            "scan": {"rotation": number("Rotation")},
            "probe": {"drive_frequency": number("Tip Frequency")},
        }
    )
