"""Curves of PicoView, made byte by byte for tests."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_mi_curves"]


def write_mi_curves(
    path: str | Path,
    signals: Mapping[tuple[str, str], Sequence[Sequence[np.ndarray]]],
    *,
    sweeps: Sequence[Sequence[tuple[float, float]]],
    swept: tuple[str, str] = ("Distance", "m"),
    places: Sequence[str] = (),
    labels: Sequence[str] = (),
    entries: Mapping[str, Any] | None = None,
    as_text: bool = False,
) -> Path:
    """Write curves: of each signal (label, unit) the ramps of every point that was measured.

    `sweeps` are start and step of each ramp of each point, `places` lines that say where the
    points are. Chunks that are those of the point before are left out, as PicoView does.
    """
    said = {
        "fileType": "Spectroscopy",
        "version": "PicoView 0x10c04",
        "dateAcquired": "Tue Feb 18 15:00:51 2014",
        "mode": "Contact AFM",
        "xPixels": 0,
        "yPixels": 0,
        "deflectionSens": 1.5e-8,
        "forceConstant": 0.2,
        **(entries or {}),
    }
    lines = [f"{key:<14}{value}" for key, value in said.items()]
    lines += [f"{'bufferLabel':<14}{swept[0]}", f"{'bufferUnit':<14}{swept[1]}", *places]
    raw: list[np.ndarray] = []
    for (label, unit), points in signals.items():
        lines += [f"{'bufferLabel':<14}{label}", f"{'bufferUnit':<14}{unit}"]
        before, number = None, 0
        for point, ramps in enumerate(points):
            form = [(ramp.size, sweep) for ramp, sweep in zip(ramps, sweeps[point], strict=True)]
            raw += ramps
            if form == before:
                continue
            before, clock = form, 0.0
            for ramp, (samples, (start, step)) in enumerate(form):
                name = labels[ramp] if labels else "0"
                words = (number, samples, clock, 0.001, start, step, "FALSE", name, point, 0)
                lines.append(f"{'chunk':<14}" + " ".join(map(str, words)))
                clock, number = clock + samples * 0.001, number + 1
    lines.append(f"{'data':<14}{'ASCII_MULTICOLUMN' if as_text else 'BINARY'}")
    body = np.concatenate(raw).astype("<f4").tobytes()
    if as_text:
        columns = np.concatenate(raw).reshape(len(signals), -1)
        rows = [" ".join(f"{value:.9g}" for value in (0.0, 0.0, *row)) for row in columns.T]
        body = ("Time Distance " + " ".join(name for name, _ in signals) + "\n").encode()
        body += ("\n".join(rows) + "\n").encode()
    path = Path(path)
    path.write_bytes(("\n".join(lines) + "\n").encode() + body)
    return path
