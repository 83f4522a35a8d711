"""What can be wrong with a file, said so that the user can act on it."""

from omniscopy.model.errors import MissingDependencyError

__all__ = ["FormatError", "MissingDependencyError", "UnsupportedFormatError"]


class FormatError(OSError):
    """A file is damaged, cut short, or contradicts itself.

    `message` says what is wrong, `path` in which file, `offset` (a byte) or `key` (a path
    inside it) where.
    """

    def __init__(
        self,
        message: str,
        *,
        path: object = None,
        offset: int | None = None,
        key: str | None = None,
    ) -> None:
        where = [f"at byte {offset}"] if offset is not None else []
        where += [f"at {key!r}"] if key is not None else []
        place = " ".join([str(path) if path is not None else "", *where]).strip()
        super().__init__(f"{place}: {message}" if place else message)
        self.message = message
        self.path = None if path is None else str(path)
        self.offset = offset
        self.key = key

    def in_file(self, path: object) -> "FormatError":
        """Return this error with the file named, if it was not."""
        if self.path is not None:
            return self
        return type(self)(self.message, path=path, offset=self.offset, key=self.key)

    def __reduce__(self) -> tuple[object, ...]:
        return (_restore, (type(self), self.args[0], dict(self.__dict__)))


class UnsupportedFormatError(FormatError):
    """No reader knows the file, or it is of a known format in a form not supported."""


def _restore(kind: type[FormatError], text: str, state: dict[str, object]) -> FormatError:
    error = kind(text)
    error.__dict__.update(state)
    return error
