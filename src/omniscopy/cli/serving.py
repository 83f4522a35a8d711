"""`omniscopy mcp`: data and operations for machines."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("mcp")(serve_machines)


def serve_machines(
    *,
    root: Annotated[
        Path, typer.Option("--root", help="The folder that is served; nothing else is touched.")
    ],
    allow_write: Annotated[
        bool, typer.Option("--allow-write", help="Let new files be written below the root.")
    ] = False,
    tools: Annotated[
        list[str] | None,
        typer.Option(
            "--tools",
            help="A group of operations (image, spm, …, all) that get tools of their own; "
            "may be repeated.",
        ),
    ] = None,
) -> None:
    """Serve files below a folder to a language model, through MCP on standard input and output."""
    package = "mcp"
    if find_spec(package) is None:
        # Said at once: the analyses take seconds to load.
        from omniscopy.model.errors import MissingDependencyError

        raise MissingDependencyError(package, extra="mcp", purpose="serving data to machines")
    from omniscopy.mcp_server import Bench, serve

    serve(Bench.at(root, allow_write=allow_write, groups=tuple(tools or ())))
