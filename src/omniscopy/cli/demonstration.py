"""`omniscopy demo`: the main job, from an instrument's file to its report."""

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from omniscopy.cli.outcomes import describe, exit_code
from omniscopy.cli.printing import clean, complain, say
from omniscopy.cli.reporting import write_report
from omniscopy.cli.targets import targets_for
from omniscopy.compute.progress import showing_progress


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(show_demo)


def show_demo(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Your own files; without them, two are simulated.")
    ] = None,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for all that is made.")
    ] = Path("omniscopy-demo"),
) -> int:
    """Make two measurements (or take yours) and write each up: figures, open copy, script."""
    output.mkdir(parents=True, exist_ok=True)
    if not files:
        from omniscopy.cli.bundled import write_bundled

        with showing_progress("simulating two measurements"):
            files = write_bundled(output)
        say("Two measurements were simulated and written as instruments write them:")
        for file in files:
            say(f"  {clean(file)}")
        say()
    failed = 0
    pages = []
    for file, page in zip(files, targets_for(files, output, ".html"), strict=True):
        try:
            write_report(file, page, channels=None, copy="auto", overwrite=True)
        except Exception as error:
            if len(files) == 1:
                raise
            complain(f"{file.name}: {describe(error)}")
            failed += 1
        else:
            pages.append((file, page))
    _tell(pages)
    return exit_code(len(pages), failed)


def _tell(pages: list[tuple[Path, Path]]) -> None:
    """Say where things are, and what to try next."""
    for file, page in pages:
        say(f"{clean(file.name)} is written up:")
        say(f"  report     {clean(page.absolute())}")
        for name, suffix in (("open copy", ".hf5"), ("script", ".py")):
            beside = page.with_suffix(suffix)
            if beside.exists():
                say(f"  {name:<9}  {clean(beside.absolute())}")
        say()
    if not pages:
        return
    file, page = pages[0]
    copy = page.with_suffix(".hf5")
    here = _folder_of_commands()
    say("Next, you could:")
    say("  open a report in a browser (it is one file and needs no network)")
    say(f"  {here}omniscopy demo YOUR-FILE         write up your own measurement")
    say(f"  {here}omniscopy info {shlex.quote(clean(file))}")
    say(f"  {here}omniscopy formats                see which files can be read")
    if copy.exists():
        say(f'  {here}python -c "import omniscopy as om; print(om.open({str(copy)!r}))"')


def _folder_of_commands() -> str:
    """Return what stands before names of commands that are called from here, often nothing."""
    if shutil.which("omniscopy"):
        return ""
    folder = Path(sys.executable).parent
    if folder.is_relative_to(Path.cwd()):
        folder = folder.relative_to(Path.cwd())
    return shlex.quote(f"{folder}{os.sep}")
