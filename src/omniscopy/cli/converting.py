"""`omniscopy convert`: any file into an open format."""

from pathlib import Path
from typing import Annotated

import typer

from omniscopy.cli.printing import clean, say
from omniscopy.compute.progress import showing_progress


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("convert")(convert_file)


def convert_file(
    source: Annotated[Path, typer.Argument(help="A file of any instrument.")],
    target: Annotated[Path, typer.Argument(help="The file to write; its extension says how.")],
    *,
    channel: Annotated[str | None, typer.Option("--channel", help="Only this channel.")] = None,
    reader: Annotated[str | None, typer.Option("--reader", help="Read it as this format.")] = None,
    form: Annotated[str | None, typer.Option("--format", help="Format to write.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the target.")] = False,
) -> None:
    """Convert a file with all its channels and metadata into an open format."""
    from omniscopy.io import convert, open_signal, save

    with showing_progress(f"converting {source.name}"):
        if channel is None:
            made = convert(source, target, format=form, overwrite=overwrite, reader=reader)
        else:
            one = open_signal(source, channel, reader=reader)
            made = save(one, target, format=form, overwrite=overwrite)
    say(clean(made))
