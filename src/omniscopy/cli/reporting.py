"""`omniscopy report`: pages that write up files."""

from pathlib import Path
from typing import Annotated

import typer

from omniscopy.cli.outcomes import write_each
from omniscopy.cli.targets import named_targets
from omniscopy.compute.progress import showing_progress


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(write_reports)


def write_reports(
    files: Annotated[list[Path], typer.Argument(help="Files of any instrument.")],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A folder, or one .html file.")
    ] = None,
    channel: Annotated[
        list[str] | None, typer.Option("--channel", help="Only this channel; may be repeated.")
    ] = None,
    copy: Annotated[
        str,
        typer.Option(
            help="Format of the open copy: nsid, zarr, none; auto is nsid, and none where all"
            " values are more than 4 GB or than is free on the disk."
        ),
    ] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> int:
    """Write each file up as one HTML page, with an open copy and a script beside it."""

    def write(file: Path, target: Path) -> None:
        write_report(file, target, channels=channel, copy=copy, overwrite=overwrite)

    _require_measurements(files)
    targets = named_targets(files, output, ".html", ".htm")
    return write_each(zip(files, targets, strict=True), write, _open_page if show else None)


def _require_measurements(files: list[Path]) -> None:
    """Refuse the name of a page among files, before any other is written up."""
    for file in files:
        if file.suffix.lower() in (".html", ".htm") and not file.exists():
            message = f"{file} is no measurement; say where the page goes by `--output {file}`"
            raise typer.BadParameter(message)


def write_report(
    file: Path, target: Path, *, channels: list[str] | None, copy: str, overwrite: bool
) -> None:
    """Write one file up, with progress."""
    from omniscopy.report import report

    form = None if copy.lower() == "none" else copy
    with showing_progress(f"reading {file.name}") as tell:
        report(
            file, target, channels=channels or None, copy=form, overwrite=overwrite, progress=tell
        )


def _open_page(target: Path) -> None:
    import webbrowser

    webbrowser.open(target.absolute().as_uri())
