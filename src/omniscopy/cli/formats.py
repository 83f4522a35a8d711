"""`omniscopy formats`: which files can be read and written."""

from typing import Annotated

import typer

from omniscopy.cli.printing import say_json, say_table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("formats")(show_formats)


def show_formats(
    word: Annotated[
        str, typer.Argument(help="Only those with this in name, title or extensions.")
    ] = "",
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """List the file formats that are read and written."""
    from omniscopy.io import formats

    parts = ("name", "title", "extensions")
    found = [row for row in formats()
             if any(word.lower() in _text(row[part]).lower() for part in parts)]  # fmt: skip
    if not found:
        message = f"no format has {word!r} in its name, title or extensions"
        raise typer.BadParameter(message)
    if json:
        say_json(list(found))
        return
    columns = ("name", "title", "extensions", "reads", "writes", "real_files", "extra")
    say_table(columns, ([_text(row[column]) for column in columns] for row in found))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return str(value)
