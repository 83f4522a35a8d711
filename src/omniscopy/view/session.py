"""One open explorer: what it knows, and what it answers. It knows no socket and no notebook."""

from collections.abc import Iterator, Mapping, Sequence

from omniscopy.model.errors import DataError
from omniscopy.view.bench import Bench
from omniscopy.view.dispatch import Turn
from omniscopy.view.handlers import HANDLERS
from omniscopy.view.protocol import Buffer, Header, Reply


class Session:
    """Answers the messages of one page or widget.

    Parameters
    ----------
    bench : Bench
        The folder that may be looked at, the data that are open, and what may be written.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def answer(
        self, header: Mapping[str, object], buffers: Sequence[Buffer], turn: Turn
    ) -> Iterator[Reply]:
        """Yield the replies to a message, the quick ones first.

        Raises
        ------
        DataError
            The message asks for what is not there, or cannot be.
        """
        kind = str(header["kind"])
        if kind not in HANDLERS:
            message = f"there is no request {kind!r}"
            raise DataError(message)
        said: Header = dict(header)
        for reply in HANDLERS[kind](self.bench, said, buffers, turn):
            turn.check()
            if reply[0]["kind"] in ("opened", "made"):
                self.bench.remember(said, [each["id"] for each in reply[0]["items"]])
            yield reply

    def shown(self, text: str) -> str:
        """Return a message without where on the machine the files are."""
        return self.bench.hidden(text)

    def close(self) -> None:
        """Let go of all that is open."""
        self.bench.close()
