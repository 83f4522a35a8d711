"""What a command on files does with each, and what it ended with."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from omniscopy.cli.printing import clean, complain, say
from omniscopy.model.errors import describe_error

# Parameters of functions that are options of the commands under the same name.
_PARAMETER = re.compile(r"`(overwrite|format|channel|reader)=(?:True)?`")
DONE, SOME_FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130


def exit_code(done: int, failed: int) -> int:
    """Return the exit code of a command on several files."""
    if not failed:
        return DONE
    return SOME_FAILED if done else WRONG


def describe(error: BaseException) -> str:
    """Return what is wrong in the words of the command line: options, not parameters."""
    return _PARAMETER.sub(r"`--\1`", describe_error(error))


def write_each(
    pairs: Iterable[tuple[Path, Path]],
    write: Callable[[Path, Path], None],
    then: Callable[[Path], None] | None = None,
) -> int:
    """Write the target of each file, say where it is, and call `then`; return the exit code.

    Of several files, one that fails is complained about and the others are written.
    """
    jobs, failed = list(pairs), 0
    for file, target in jobs:
        try:
            write(file, target)
        except Exception as error:
            if len(jobs) == 1:
                raise
            complain(f"{file.name}: {describe(error)}")
            failed += 1
            continue
        say(clean(target))
        if then is not None:
            then(target)
    return exit_code(len(jobs) - failed, failed)
