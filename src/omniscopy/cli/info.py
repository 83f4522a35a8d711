"""`omniscopy info`: what is in a file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from omniscopy.cli.printing import clean, readable_size, say, say_json, say_table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("info")(show_info)


def show_info(
    file: Annotated[Path, typer.Argument(help="A file of any instrument.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
    reader: Annotated[str | None, typer.Option(help="Read it as this format.")] = None,
) -> None:
    """Say what is in a file, without reading its data."""
    from omniscopy.io import info

    found = info(file, reader=reader)
    if json:
        say_json(found)
        return
    say(f"{clean(found['path'])}: {found['title']}, {readable_size(found['bytes'])}")
    say()
    columns = ("channel", "kind", "dimensions", "type", "quantity", "units", "axes")
    say_table(columns, (_row(channel) for channel in found["channels"]))
    metadata = [f"  {name}: {clean(value)}" for name, value in _leaves(found["metadata"])]
    if metadata:
        say()
        say("\n".join(metadata))


def _row(channel: dict[str, Any]) -> tuple[str, ...]:
    sizes = (f"{axis['name']} {axis['size']}" for axis in channel["axes"])
    return (
        channel["name"],
        channel["signal_type"].replace("_", " "),
        " × ".join(sizes),
        channel["dtype"],
        channel["quantity"] or "",
        channel["units"] or "",
        "; ".join(filter(None, (_axis(axis) for axis in channel["axes"]))),
    )


def _axis(axis: dict[str, Any]) -> str:
    units = f" {axis['units']}" if axis["units"] not in (None, "1") else ""
    if "scale" in axis:
        if not units:
            return ""
        return f"{axis['name']}: {axis['scale']:.4g}{units} from {axis['offset']:.4g}"
    ends = [f"{end:.4g}" if isinstance(end, int | float) else str(end) for end in axis["ends"]]
    return f"{axis['name']}: {' … '.join(ends)}{units}"


def _leaves(tree: dict[str, Any], above: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in tree.items():
        name = f"{above}.{key}" if above else str(key)
        found += _leaves(value, name) if isinstance(value, dict) else [(name, value)]
    return found
