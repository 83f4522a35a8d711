"""What a command ended with, as an exit code and in words."""

DONE, SOME_FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130


def exit_code(done: int, failed: int) -> int:
    """Return the exit code of a command on several files."""
    if not failed:
        return DONE
    return SOME_FAILED if done else WRONG


def describe_error(error: BaseException) -> str:
    """Return an error in one line: our own say all, others also say what they are."""
    text = " ".join(str(error).split())
    if type(error).__module__.startswith("omniscopy.") or isinstance(error, FileExistsError):
        return text
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
