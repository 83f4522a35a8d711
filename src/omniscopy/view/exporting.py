"""Requests of the explorer: figures for papers and tables of numbers."""

import io
import math
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omniscopy.model.errors import DataError
from omniscopy.view.bench import Bench
from omniscopy.view.computing import computing, progress
from omniscopy.view.dispatch import Turn
from omniscopy.view.protocol import Buffer, Header, Reply
from omniscopy.view.steps import results_of

FIGURES = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}
TABLES = {"csv": "text/csv", "tiff": "image/tiff"}
# Drawing libraries keep state for the whole process.
_drawing = threading.Lock()


def export(bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn) -> Iterator[Reply]:
    """Send what is seen as a file: a figure (PNG, SVG, PDF) or its numbers (CSV, TIFF)."""
    del buffers
    form = str(said.get("format", "png")).lower()
    if form not in FIGURES and form not in TABLES:
        message = f"formats are {', '.join([*FIGURES, *TABLES])}, got {form!r}"
        raise DataError(message)
    result = yield from computing(said, "export", results_of(bench, said)[-1], turn)
    turn.check()
    yield progress(said, 1.0, "drawing")
    content = draw(result, form, said) if form in FIGURES else tabulate(result, form)
    kind = FIGURES.get(form) or TABLES[form]
    yield {"kind": "exported", "format": form, "type": kind}, [content]


def draw(result: Any, form: str, said: Header) -> bytes:
    """Return the figure of a result, as wide as is asked for."""
    width, dpi = _number(said, "width_mm", 85, 20, 400), _number(said, "dpi", 300, 50, 1200)
    size = _number(said, "font_size", 8, 4, 30)
    title = said.get("title")
    from omniscopy import plot

    content = io.BytesIO()
    with _drawing, plot.publication(width=width, font_size=size):
        figure = plot.signal(result, title=None if title is None else str(title)[:200])
        if panel := str(said.get("panel") or "")[:4]:
            figure.text(
                0.005, 0.995, panel, weight="bold", size=1.25 * size, ha="left", va="top",
                parse_math=False,
            )  # fmt: skip
        figure.savefig(content, format=form, dpi=dpi)
    return content.getvalue()


def tabulate(result: Any, form: str) -> bytes:
    """Return the numbers of a result, as the writers of this package write them."""
    from omniscopy.io import save

    with tempfile.TemporaryDirectory(prefix="omniscopy-") as folder:
        place = Path(folder) / ("export.csv" if form == "csv" else "export.tif")
        save(result, place)
        return place.read_bytes()


def _number(said: Header, key: str, default: float, least: float, most: float) -> float:
    value = said.get(key, default)
    if type(value) not in (int, float) or not math.isfinite(value) or not least <= value <= most:
        message = f"{key} is a number from {least} to {most}, got {value!r}"
        raise DataError(message)
    return float(value)


HANDLERS: Mapping[str, Any] = {"export": export}
