"""Write logs of holders: of Impulse, of Protochips and of the Digiheater."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["write_dens", "write_impulse", "write_protochips"]

_PROTOCHIPS = {
    "Date (yyyy.mm.dd)": "2014.12.15", "Time (hh:mm:ss.ms)": "19:07:04.165",
    "Time units": "Milliseconds", "Temperature units": "Degrees C", "Pressure units": "Torr",
    "Current units": "Amps", "User agreeing to terms": "eric",
}  # fmt: skip


def write_impulse(
    path: str | Path,
    columns: Mapping[str, Sequence[Any]],
    seconds: Sequence[float],
    *,
    settings: Mapping[str, str] | None = None,
) -> Path:
    """Write a log of Impulse, with its Metadata.log beside it where `settings` are given."""
    lines = [",".join(["TimeStamp", "Experiment time", *columns])]
    for number, second in enumerate(seconds):
        words = [str(values[number]) for values in columns.values()]
        lines.append(",".join([f"13:40:{second % 60:06.3f}", repr(second), *words]))
    path = Path(path)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    if settings is not None:
        beside = path.with_name(f"{path.stem.rpartition('_')[0]}_Metadata.log")
        beside.write_text("".join(f"{key}, {value}\n" for key, value in settings.items()), "utf-8")
    return path


def write_protochips(
    path: str | Path,
    columns: Mapping[str, Sequence[float]],
    milliseconds: Sequence[int],
    *,
    notes: Mapping[int, str] | None = None,
    settings: Mapping[str, str] | None = None,
) -> Path:
    """Write a log of Protochips; `settings` stand beside the first values, `notes` at a row."""
    lines = [",".join(["Time", " Notes", *columns])]
    first = ",".join(repr(values[0]) for values in columns.values())
    said = {**_PROTOCHIPS, **(settings or {})}
    lines += [f"{milliseconds[0]},{key} = {value},{first}" for key, value in said.items()]
    for number, moment in enumerate(milliseconds):
        words = ",".join(repr(values[number]) for values in columns.values())
        lines.append(f"{moment},{(notes or {}).get(number, '')},{words}")
    path = Path(path)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def write_dens(path: str | Path, rows: Sequence[Sequence[float]], moments: Sequence[str]) -> Path:
    """Write a log of the Digiheater: set and measured °C, Ω, V, mA and mW for each moment."""
    lines = ["", "16/04/'15 13:53\tDigiheater 3.1", "R0 = 282.7\ta =  0.0\tb = 0.225"]
    lines += ["Tsample = 330 [ms]  "]
    lines += ["sample\ttime\tTset[C]\tTmeas[C]\tRheat[ohm]\tVheat[V]\tIheat[mA]\tPheat [mW]\tc"]
    for number, (row, moment) in enumerate(zip(rows, moments, strict=True), 1):
        words = "\t".join(repr(value) for value in row)
        lines.append(f"{number}\t{moment}\t{words}\t278.222\tnorm")
    path = Path(path)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
