"""Whether an open copy of everything is saved beside a report, and in which format."""

import shutil
from pathlib import Path

import xarray as xr

from omniscopy.report.contents import Failure, readable_bytes

AUTO = "auto"
# What is larger than this, written out, is copied only for who asks for a copy: lists of events and
# compressed spectrum images may be many times as large as their files.
LARGEST_COPY = 4 * 10**9


def form_of_copy(
    tree: xr.DataTree, wanted: str | None, page: Path
) -> tuple[str | None, Failure | None]:
    """Return the format of the copy, and why there is none where nobody named a format."""
    if wanted != AUTO:
        return wanted, None
    size = sum(node.to_dataset(inherit=False).nbytes for node in tree.subtree)
    free = _free_beside(page)
    if size <= min(LARGEST_COPY, free):
        return "nsid", None
    room = f", and {readable_bytes(free)} are free there" if size > free else ""
    message = (
        f"All values, written out, are {readable_bytes(size)}{room}. For a copy all the same, name "
        "its format: `omniscopy report FILE --copy nsid`, or `om.report(path, copy='nsid')`."
    )
    return None, Failure("No open copy was saved", "", message)


def _free_beside(page: Path) -> int:
    """Return how many bytes are free where a page goes, of which the folder may not be there."""
    places = (place for place in page.absolute().parents if place.exists())
    return shutil.disk_usage(next(places)).free
