"""Data that stay with the server: each has a handle by which it is asked for."""

from dataclasses import dataclass, field

import xarray as xr

from omniscopy.model.errors import DataError
from omniscopy.model.provenance import remember, with_changes

Labelled = xr.DataArray | xr.Dataset
MOST_HANDLES = 256
MOST_BYTES = 4 * 2**30


@dataclass
class Shelf:
    """Data by handle, such as ``"d1"``."""

    kept: dict[str, Labelled] = field(default_factory=dict)
    made: int = 0

    def keep(self, data: Labelled) -> str:
        """Return the handle of new data; raise `DataError` where the shelf is full."""
        if len(self.kept) >= MOST_HANDLES:
            message = f"{MOST_HANDLES} handles are kept already; `release` some of them"
            raise DataError(message)
        held = sum(map(held_bytes, self.kept.values()))
        if held + held_bytes(data) > MOST_BYTES:
            message = (
                f"the data need {held_bytes(data) / 2**20:.0f} MiB of memory and {held / 2**20:.0f}"
                f" of {MOST_BYTES / 2**20:.0f} MiB are taken; `release` handles, or ask for less"
            )
            raise DataError(message)
        past, _ = with_changes(data)
        self.made += 1
        handle = f"d{self.made}"
        self.kept[handle] = remember(data, past)  # type: ignore[type-var]
        return handle

    def get(self, reference: str) -> Labelled:
        """Return the data of ``"d1"``, or the variable of ``"d1.name"``."""
        handle, _, variable = reference.partition(".")
        if handle not in self.kept:
            known = ", ".join(self.kept) or "none yet; `open` a file first"
            message = f"there is no handle {handle!r}; there are {known}"
            raise DataError(message)
        data = self.kept[handle]
        if not variable:
            return data
        if not isinstance(data, xr.Dataset) or variable not in data.data_vars:
            has = ", ".join(map(str, data.data_vars)) if isinstance(data, xr.Dataset) else "none"
            message = f"{handle!r} has no variable {variable!r}; it has {has}"
            raise DataError(message)
        return data[variable]

    def array(self, reference: str) -> xr.DataArray:
        """Return the array of a reference; raise `DataError` where it names several."""
        data = self.get(reference)
        if isinstance(data, xr.DataArray):
            return data
        names = [str(name) for name in data.data_vars]
        if len(names) == 1:
            return data[names[0]]
        message = (
            f"{reference!r} has {len(names)} variables; name one, as in "
            f"{f'{reference}.{names[0]}' if names else reference!r}: {', '.join(names)}"
        )
        raise DataError(message)

    def release(self, handle: str) -> None:
        """Forget data."""
        self.get(handle)
        del self.kept[handle.partition(".")[0]]


def held_bytes(data: Labelled) -> int:
    """Return the bytes of values that are in memory."""
    arrays = [data] if isinstance(data, xr.DataArray) else list(data.data_vars.values())
    return sum(array.nbytes for array in arrays if array.chunks is None)
