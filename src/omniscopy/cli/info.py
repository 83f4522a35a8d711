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
    _say_metadata("", found["metadata"])
    for channel in found["channels"]:
        _say_metadata(channel["name"], channel["metadata"], known=found["metadata"])


def _say_metadata(
    channel: str, metadata: dict[str, Any], known: dict[str, Any] | None = None
) -> None:
    """Say what is known of a channel, or of the whole file, and was not said of the file."""
    said = dict(_leaves(known or {}))
    lines = [f"  {clean(name)}: {_value(name, value)}" for name, value in _leaves(metadata)
             if name not in said or said[name] != value]  # fmt: skip
    if lines:
        say()
        say("\n".join([f"{clean(channel)}:", *lines] if channel else lines))


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
        start, step = axis["offset"], axis["scale"]
        places = (start, start + step * (axis["size"] - 1), step)
        first, last, step = (_measure(value, axis["units"]) for value in places)
        return f"{axis['name']}: {first} to {last} in steps of {step}"
    ends = [f"{end:.4g}" if isinstance(end, int | float) else str(end) for end in axis["ends"]]
    return f"{axis['name']}: {' … '.join(ends)}{units}"


def _value(name: str, value: Any) -> str:
    """Return a piece of common metadata with its units."""
    from omniscopy.model.vocabulary import METADATA

    number = isinstance(value, int | float) and not isinstance(value, bool)
    return clean(_measure(value, METADATA.get(name)) if number else value)


def _measure(value: float, units: str | None) -> str:
    """Return a number with its units, in a prefix that reads well."""
    from omniscopy.model.units import readable

    if units in (None, "1"):
        return f"{value:.6g}"
    shown, target = (value, units) if str(units).endswith("eV") else readable(value, str(units))
    return f"{shown:.4g} {target}"


def _leaves(tree: dict[str, Any], above: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in tree.items():
        name = f"{above}.{key}" if above else str(key)
        found += _leaves(value, name) if isinstance(value, dict) else [(name, value)]
    return found
