"""A small table of rows that reads well in a terminal and in a notebook."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any


class Table(list[dict[str, Any]]):
    """A list of `rows`, dictionaries with the same keys; `print` shows them aligned."""

    def __init__(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        super().__init__(dict(row) for row in rows)

    def columns(self) -> list[str]:
        """Return the names of the columns."""
        return list(self[0]) if self else []

    def __str__(self) -> str:
        columns = self.columns()
        cells = [columns, *([_text(row[name]) for name in columns] for row in self)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in cells
        ]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns())
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(_text(cell))}</td>" for cell in row.values()) + "</tr>"
            for row in self
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return "" if value is None else str(value)
