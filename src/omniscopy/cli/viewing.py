"""`omniscopy view`: the explorer."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from omniscopy.cli.outcomes import DONE
from omniscopy.cli.printing import say


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("view")(view_files)


def view_files(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files of any instrument, or a folder of them.")
    ] = None,
    *,
    root: Annotated[
        Path | None,
        typer.Option("--root", help="The folder that may be looked into; that of the file else."),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
    port: Annotated[
        int, typer.Option("--port", help="Port; 0 for any that is free.", min=0, max=65535)
    ] = 0,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Write no file below the root.")
    ] = False,
) -> int:
    """Explore files in a page of this machine's browser, until stopped with Ctrl+C.

    Nothing outside this machine can reach it. From another one: `ssh -L PORT:127.0.0.1:PORT`.
    """
    from omniscopy.view.making import bench_maker
    from omniscopy.view.server import serve
    from omniscopy.view.session import Session

    make = bench_maker(paths or [root or Path()], root=root, allow_write=not read_only)

    def ready(address: str) -> None:
        say(address)
        sys.stdout.flush()
        if browser:
            import webbrowser

            webbrowser.open(address)

    serve(lambda: Session(make()), port=port, ready=ready)
    return DONE
