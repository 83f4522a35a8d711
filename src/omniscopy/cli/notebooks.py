"""`omniscopy notebook`: the notebook that makes a result again."""

from pathlib import Path
from typing import Annotated

import typer

from omniscopy.cli.outcomes import write_each
from omniscopy.cli.targets import named_targets
from omniscopy.compute.progress import showing_progress


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("notebook")(write_notebooks)


def write_notebooks(
    files: Annotated[
        list[Path], typer.Argument(help="Saved results, or measurements of any instrument.")
    ],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A folder, or one .ipynb file.")
    ] = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Run it, so that it holds its figures.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> int:
    """Write the notebook that makes each result again, with the figure of every step."""
    from omniscopy.report import to_notebook

    def write(file: Path, target: Path) -> None:
        with showing_progress(f"writing the notebook of {file.name}"):
            to_notebook(file, target, execute=execute, overwrite=overwrite)

    targets = named_targets(files, output, ".ipynb")
    return write_each(zip(files, targets, strict=True), write)
