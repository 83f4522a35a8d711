"""The old data format: real and imaginary parts of all spectra in two headerless files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omniscopy.io.arrays import Transposed
from omniscopy.io.band_excitation.matlab_parameters import Known
from omniscopy.io.band_excitation.parameters import Parameters, number_of, size_of, text_of
from omniscopy.io.band_excitation.waveforms import Steps, frequencies, steps_of
from omniscopy.io.errors import FormatError
from omniscopy.io.frames import FrameStream
from omniscopy.io.matlab import read_variables
from omniscopy.io.pieces import ComplexParts, Stacked
from omniscopy.io.quantities import stated
from omniscopy.io.records import Axis, Channel, LazyArray, Measurement, Variable

# Bins of one band that the system can take; more mean that something else is in the file.
_MOST_BINS = 300
_FIELDS = ("out-of-field", "in-field")


@dataclass(frozen=True)
class _Pair:
    """The two files of one field."""

    real: Path
    imag: Path


def read_old(
    path: Path, groups: Parameters, files: Sequence[Path], *, partial: bool, repeats: int | None,
    known: Known | None = None,
) -> Measurement:  # fmt: skip
    """Return the spectra of a folder in the old data format.

    `known` is what the oldest files of parameters say; `groups` is their part of it.
    """
    pairs = _pairs(path, files)
    further = _more_parameters(files) if known is None else known.further
    rows, columns = (size_of(groups, path, "grid", f"num_{n}") for n in ("rows", "cols"))
    steps = known.steps if known is not None and known.steps else steps_of(groups, path)
    if repeats is not None:
        steps = Steps((*steps.axes, _repeats(repeats)), steps.coordinates)
    bins, count = _bins(path, groups, pairs, rows * columns, steps, further)
    if not partial:
        _require_whole_points(path, pairs, 4 * bins * int(np.prod(steps.shape, dtype=np.int64)))
    arrays = [
        _spectra(pair, (rows, columns), steps.shape, bins, count, relaxed=repeats is not None)
        for pair in pairs.values()
    ]
    data: LazyArray = arrays[0]
    axes = [Axis(name="y", size=rows), Axis(name="x", size=columns)]
    if len(arrays) > 1:
        stacked = Stacked(tuple(arrays))
        data = Transposed(stacked, (1, 2, 0, *range(3, len(stacked.shape))))
        axes.append(Axis(name="field", size=2, values=np.array(list(pairs)), units="1"))
    axes += [*steps.axes, _band(groups, bins, further)]
    missing = rows * columns - count
    reason = f"{missing} of {rows * columns} points are missing at the end"
    attrs = {"incomplete": {"missing_from": count, "reason": reason}} if missing else {}
    original = {name or "file": values for name, values in groups.items()}
    channel = Channel(
        title="Band excitation",
        data=data,
        axes=axes,
        quantity="response",
        units="V",
        modality="AFM",
        source="Band excitation",
        original_metadata=original,
        coordinates=dict(steps.coordinates or {}),
        variables=_excitation(further),
        attrs=attrs,
    )
    currents = _currents(files, (rows, columns), steps)
    return Measurement(channels=[channel, *currents], metadata=_metadata(groups, path, list(pairs)))


def _require_whole_points(path: Path, pairs: dict[str, _Pair], stride: int) -> None:
    """Refuse spectra that end within a point: a scan that was not finished ends between two."""
    for pair in pairs.values():
        for each in (pair.real, pair.imag):
            count, rest = divmod(each.stat().st_size, stride)
            if rest:
                message = (
                    f"{each.name} ends {rest} bytes into point {count}; it is cut short. "
                    "partial=True reads what is before"
                )
                raise FormatError(message, path=path)


def _pairs(path: Path, files: Sequence[Path]) -> dict[str, _Pair]:
    """Return the files of each field; raise where one of two is missing."""
    found: dict[str, dict[str, Path]] = {}
    for each in files:
        name = each.name.lower()
        if each.suffix.lower() != ".dat" or "ai2" in name:
            continue
        part = "real" if "real" in name else "imag" if "imag" in name else ""
        if part:
            field = _FIELDS["write" in name]
            if part in found.setdefault(field, {}):
                message = (
                    f"{found[field][part].name} and {each.name} are both the {part} part of the "
                    f"{field} spectra; keep one data set in a folder"
                )
                raise FormatError(message, path=path)
            found[field][part] = each
    for field, parts in found.items():
        lost = {"real", "imag"} - set(parts)
        if lost:
            message = f"the {lost.pop()} part of the {field} spectra is missing beside {path.name}"
            raise FormatError(message, path=path)
    if not found:
        message = "there are parameters, but no spectra (`*real*.dat`, `*imag*.dat`) beside them"
        raise FormatError(message, path=path)
    return {field: _Pair(**found[field]) for field in _FIELDS if field in found}


def _more_parameters(files: Sequence[Path]) -> dict[str, Any]:
    """Return what a second file of parameters says: bins, their frequencies, the excitation."""
    for each in files:
        if "more_parms" in each.name.lower() and each.suffix.lower() == ".mat":
            names = ("BE_bin_ind", "BE_bin_w", "FFT_BE_wave", "FFT_BE_rev_wave")
            return read_variables(each, names)
    return {}


def _bins(  # noqa: PLR0917 - all that says something of their number
    path: Path, groups: Parameters, pairs: dict[str, _Pair], points: int, steps: Steps,
    further: dict[str, Any],
) -> tuple[int, int]:  # fmt: skip
    """Return the bins of a spectrum, and how many points have all of theirs."""
    sizes = {
        each: each.stat().st_size for pair in pairs.values() for each in (pair.real, pair.imag)
    }
    least = min(sizes, key=lambda each: sizes[each])
    total, number = sizes[least] // 4, int(np.prod(steps.shape, dtype=np.int64))
    width = further.get("BE_bin_w")
    known = number_of(groups, "BE", "bins_per_band", "num_bins")
    if isinstance(width, np.ndarray) and width.size:
        bins = int(width.size)
    elif known is not None and 1 <= known < 2**20:
        bins = int(known)
    else:
        bins = 0
        for there in (points, points - 1):
            if there and total % (there * number) == 0 and sizes[least] % 4 == 0:
                bins = total // (there * number)
                break
    if not 1 <= bins <= _MOST_BINS * _bands(groups) or not total // (bins * number):
        message = (
            f"{least.name} has {sizes[least]} bytes, which are not spectra of {number} steps at "
            f"each of {points} points"
            + (f" with {bins} bins" if bins else "; the bins of a spectrum are nowhere said")
        )
        raise FormatError(message, path=path, key="BE/bins_per_band")
    count = min(total // (bins * number), points)
    if sizes[least] > points * number * bins * 4:
        message = (
            f"{least.name} has {sizes[least]} bytes, more than the {points * number * bins * 4} "
            f"of {points} points, {number} steps and {bins} bins that the parameters say"
        )
        raise FormatError(message, path=path)
    return bins, count


def _bands(groups: Parameters) -> int:
    value = number_of(groups, "BE", "num_bands", "number_of_bands") or 1
    return int(min(max(value, 1), 16))


def _spectra(
    pair: _Pair, scan: tuple[int, int], steps: tuple[int, ...], bins: int, count: int, *,
    relaxed: bool,
) -> LazyArray:  # fmt: skip
    """Return the complex spectra of one field; those of a relaxation have their bins first."""
    frame = (bins, *steps) if relaxed else (*steps, bins)
    parts = [
        FrameStream(str(each), 0, scan, frame, "<f4", count) for each in (pair.real, pair.imag)
    ]
    data: LazyArray = ComplexParts(*parts)
    if relaxed:
        data = Transposed(data, (0, 1, *range(3, len(frame) + 2), 2))
    return data


def _repeats(repeats: int) -> Axis:
    if repeats < 1:
        message = f"repeats must be a positive number, got {repeats!r}"
        raise FormatError(message)
    return Axis(name="frame", size=repeats, units="1")


def _band(groups: Parameters, bins: int, further: dict[str, Any]) -> Axis:
    width = further.get("BE_bin_w")
    if isinstance(width, np.ndarray) and width.size == bins and width.dtype.kind in "iuf":
        return Axis(name="frequency", size=bins, values=width.ravel().astype(float), units="Hz")
    return frequencies(groups, bins)


def _excitation(further: dict[str, Any]) -> dict[str, Variable]:
    """Return the spectrum of the excitation in the bins; the sign of its imaginary part turned."""
    wave = further.get("FFT_BE_wave", further.get("FFT_BE_rev_wave"))
    places = further.get("BE_bin_ind")
    if not isinstance(wave, np.ndarray) or not isinstance(places, np.ndarray):
        return {}
    wave, numbers = wave.ravel(), places.ravel().astype(np.int64) - 1
    if not numbers.size or numbers.min() < 0 or numbers.max() >= wave.size:
        return {}
    attrs = {"long_name": "Excitation", "units": "V", "quantity": "excitation"}
    return {"excitation": Variable(dims=("frequency",), data=np.conj(wave[numbers]), attrs=attrs)}


def _currents(files: Sequence[Path], scan: tuple[int, int], steps: Steps) -> list[Channel]:
    """Return the current at the second input, one value at each step."""
    made = []
    for each in files:
        name = each.name.lower()
        wanted = 4 * int(np.prod(steps.shape, dtype=np.int64))
        if "ai2" not in name or each.suffix.lower() != ".dat" or each.stat().st_size < wanted:
            continue
        points = scan[0] * scan[1]
        there = min(each.stat().st_size // wanted, points)
        lost = {"missing_from": there, "reason": f"{points - there} of {points} points are missing"}
        made.append(
            Channel(
                title=f"Current {_FIELDS['write' in name]}",
                data=FrameStream(str(each), 0, scan, steps.shape, "<f4", there),
                axes=[Axis(name="y", size=scan[0]), Axis(name="x", size=scan[1]), *steps.axes],
                quantity="current",
                units="nA",
                modality="AFM",
                source="Band excitation",
                coordinates=dict(steps.coordinates or {}),
                attrs={"incomplete": lost} if there < points else {},
            )
        )
    return made


def _metadata(groups: Parameters, path: Path, fields: list[str]) -> dict[str, Any]:
    name = text_of(groups, "File", "file_name") or path.parent.name
    return stated(
        {
            "title": name.removesuffix("_d").removesuffix("_c"),
            "technique": "Band excitation",
            "comment": ", ".join(fields),
            "instrument": {"vendor": "Oak Ridge National Laboratory"},
            "probe": {
                "drive_amplitude": number_of(groups, "BE", "amplitude_[V]"),
                "drive_frequency": number_of(groups, "BE", "center_frequency_[Hz]"),
            },
        }
    )
