"""The application: its commands, and what becomes of errors.

Only the standard library and typer are imported here and in the commands' modules; the rest
is when a command needs it, so that `omniscopy info` starts at once.
"""

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from omniscopy.cli import (
    converting,
    demonstration,
    formats,
    info,
    notebooks,
    reporting,
    running,
    serving,
    viewing,
)
from omniscopy.cli.outcomes import DONE, INTERRUPTED, WRONG, describe
from omniscopy.cli.printing import complain

# The base of all complaints about usage, wherever this version of typer has it.
_UsageError: Any = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)
_EPILOG = (
    "Exit codes: 0 all is done; 1 some of several files failed; 2 nothing could be done: wrong "
    "usage, or a file that cannot be read or written; 130 interrupted."
)

app = typer.Typer(
    name="omniscopy",
    help="Read any microscope's or spectrometer's file, analyse it, and write it up.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS = (
    info, converting, reporting, notebooks, demonstration, formats, running, viewing, serving,
)  # fmt: skip
for _module in _COMMANDS:
    _module.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after the name of the program; those of the process by default.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Where the terminal lacks a letter, as of a title, it shows that there is one.
        sys.stdout.reconfigure(errors="replace")
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; an error is one line on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given or bool(os.environ.get("OMNISCOPY_DEBUG"))
    given = [word for word in given if word != "--debug"]
    try:
        code: Any = app(args=given, prog_name="omniscopy", standalone_mode=False)
    except _UsageError as error:
        words = getattr(getattr(error, "ctx", None), "command_path", "omniscopy")
        complain(f"{error.format_message()} ({words} --help says how it is used)")
        return WRONG
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output, such as `head`, has left.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        return DONE
    except Exception as error:  # noqa: BLE001 - a traceback helps nobody but those who ask for it
        if debug:
            traceback.print_exc()
        complain(describe(error))
        return WRONG
    return code if isinstance(code, int) else DONE


def _show_version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"omniscopy {version('omniscopy')}")
        raise typer.Exit


@app.callback()
def _start(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version.",
            is_eager=True,
            callback=lambda value: _show_version(wanted=value),
        ),
    ] = False,
    debug: Annotated[  # noqa: ARG001 - taken from the command line by `run`
        bool, typer.Option("--debug", help="Show where an error comes from.")
    ] = False,
) -> None:
    """Read any microscope's or spectrometer's file, analyse it, and write it up."""
    del version
