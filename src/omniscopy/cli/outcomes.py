"""What a command ended with, as an exit code."""

DONE, SOME_FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130


def exit_code(done: int, failed: int) -> int:
    """Return the exit code of a command on several files."""
    if not failed:
        return DONE
    return SOME_FAILED if done else WRONG
