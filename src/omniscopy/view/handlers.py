"""Which function answers which kind of message."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from omniscopy.view import (
    exporting,
    files,
    fitting,
    measuring,
    operating,
    restoring,
    showing,
    steps,
)
from omniscopy.view.bench import Bench
from omniscopy.view.dispatch import Turn
from omniscopy.view.protocol import Buffer, Header, Reply

Handler = Callable[[Bench, Header, Sequence[Buffer], Turn], Iterator[Reply]]

HANDLERS: Mapping[str, Handler] = {
    **files.HANDLERS,
    **showing.HANDLERS,
    **measuring.HANDLERS,
    **fitting.HANDLERS,
    **operating.HANDLERS,
    **steps.HANDLERS,
    **exporting.HANDLERS,
    **restoring.HANDLERS,
}
