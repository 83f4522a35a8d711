"""`omniscopy notebook`: the notebook that makes a result again."""

from pathlib import Path
from typing import Annotated

import typer

from omniscopy.cli.outcomes import exit_code
from omniscopy.cli.printing import clean, complain, say
from omniscopy.cli.targets import targets_for
from omniscopy.compute.progress import showing_progress
from omniscopy.model.errors import describe_error


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

    if output is not None and output.suffix.lower() == ".ipynb":
        if len(files) > 1:
            message = f"--output {output} is one file, but {len(files)} are given; name a folder"
            raise typer.BadParameter(message)
        targets = [output]
    else:
        targets = targets_for(files, output, ".ipynb")
    failed = 0
    for file, target in zip(files, targets, strict=True):
        try:
            with showing_progress(f"writing the notebook of {file.name}"):
                to_notebook(file, target, execute=execute, overwrite=overwrite)
        except Exception as error:
            if len(files) == 1:
                raise
            complain(f"{file.name}: {describe_error(error)}")
            failed += 1
            continue
        say(clean(target))
    return exit_code(len(files) - failed, failed)
