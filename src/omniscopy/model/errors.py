"""Exceptions and warnings that say what was expected, what came, and what to do."""


class DataError(ValueError):
    """The data do not have the dimensions, units or values that an operation needs."""


class MissingDependencyError(ImportError):
    """An optional `package` is not installed; the message names the `extra` that brings it.

    `purpose` is what needs it.
    """

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}; "
            f"install it with: pip install 'omniscopy[{extra}]'",
            name=package,
        )
        self.package, self.extra, self.purpose = package, extra, purpose

    def __reduce__(self) -> tuple[object, ...]:
        return (_missing, (self.package, self.extra, self.purpose))


class OmniscopyWarning(UserWarning):
    """The parent of every warning that this package gives."""


class PartialDataWarning(OmniscopyWarning):
    """A part of the data is missing from the file; what is missing is marked."""


class MetadataWarning(OmniscopyWarning):
    """A piece of metadata could not be understood; the data are not affected."""


class ReplayWarning(OmniscopyWarning):
    """A replayed step gave other numbers than those recorded."""


def describe_error(error: BaseException) -> str:
    """Return an error in one line: our own say all, others also say what they are."""
    text = " ".join(str(error).split())
    if type(error).__module__.startswith("omniscopy.") or isinstance(error, FileExistsError):
        return text
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _missing(package: str, extra: str, purpose: str) -> MissingDependencyError:
    return MissingDependencyError(package, extra=extra, purpose=purpose)
