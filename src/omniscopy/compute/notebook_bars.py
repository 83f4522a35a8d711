"""Progress in a notebook: one line of HTML that is drawn again, with how far it is in words."""

import html
import sys
import time
from typing import Any

# So often the line is drawn again at most.
_SECONDS = 0.2


def running_shell() -> Any:
    """Return the shell of the notebook this runs in, None elsewhere; IPython is not imported."""
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return shell if shell is not None and hasattr(shell, "kernel") else None


class NotebookBar:
    """A bar in the cell that is running; `tell` draws it again, `end` takes it away."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._last = 0.0

    def tell(self, share: float, words: str) -> None:
        """Draw how far it is, 0 to 1; not more often than is seen."""
        now = time.monotonic()
        if self._handle is not None and now - self._last < _SECONDS:
            return
        self._last = now
        self._show({"text/html": bar_html(share, words), "text/plain": f"{share:.0%} {words}"})

    def end(self) -> None:
        """Take the bar away."""
        if self._handle is not None:
            self._show({"text/html": "", "text/plain": ""})

    def _show(self, bundle: dict[str, str]) -> None:
        from IPython.display import display

        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(bundle, raw=True)


def bar_html(share: float, words: str) -> str:
    """Return a bar that shows the share that is done, with words beside it."""
    done = 100 * min(max(share, 0.0), 1.0)
    return (
        '<div style="display:flex;gap:.8em;align-items:center;font-size:.9em">'
        f'<progress value="{done:.1f}" max="100" style="width:14em" aria-label="progress">'
        f"</progress><span>{done:.0f} %</span><span>{html.escape(words)}</span></div>"
    )
