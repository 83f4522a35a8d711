"""`omniscopy view`: the explorer."""

from pathlib import Path
from typing import Annotated

import typer

from omniscopy.cli.outcomes import WRONG
from omniscopy.cli.printing import complain


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("view")(view_file)


def view_file(
    file: Annotated[Path | None, typer.Argument(help="A file of any instrument.")] = None,
) -> int:
    """Explore a file (not part of this version)."""
    name = "FILE" if file is None else file.name
    complain(
        "the explorer is not part of this version; "
        f"`omniscopy report {name} --open` shows all figures of a file in the browser"
    )
    return WRONG
