"""What is printed: tables that fit, JSON for machines, complaints on stderr."""

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from omniscopy.model.texts import readable

_WIDE = 160


def clean(text: object) -> str:
    """Return text from a file without characters that would steer the terminal."""
    return "".join(char if char.isprintable() else " " for char in readable(str(text)))


def complain(text: str) -> None:
    """Write one line on stderr."""
    sys.stderr.write(f"omniscopy: {clean(text)}\n")


def say(text: str = "") -> None:
    """Write a line on stdout."""
    sys.stdout.write(f"{text}\n")


def say_json(value: Any) -> None:
    """Write a value as JSON on stdout; numbers that JSON lacks become null."""
    say(json.dumps(_plain(value), indent=2, ensure_ascii=True, allow_nan=False))


def say_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table on stdout, fitted to the terminal; in a narrow one, a list of its rows."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDE)
    cells = [[clean(cell) for cell in row] for row in rows]
    least = _least_widths(columns, cells)
    if sum(least) + 3 * (len(least) - 1) > console.width:
        for first, *others in cells:
            said = (f"  {name}: {cell}" for name, cell in zip(columns[1:], others, strict=True)
                    if cell)  # fmt: skip
            say("\n".join([first, *said]))
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for name, width in zip(columns, least, strict=True):
        table.add_column(name, overflow="fold", min_width=width)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _least_widths(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> list[int]:
    """Return the widths of columns below which words would be broken."""
    words = ([name, *(word for row in cells for word in row[number].split())]
             for number, name in enumerate(columns))  # fmt: skip
    return [max(map(len, column)) for column in words]


def readable_size(size: int) -> str:
    """Return a number of bytes in words."""
    value = float(size)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.4g} {unit}"
        value /= 1024
    return f"{value:.4g} TiB"


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(value)
