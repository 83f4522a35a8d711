"""Figures as pictures that are small enough to be sent."""

import io
from typing import Any

import xarray as xr

from omniscopy.plot import signal

_FINE, _COARSE = 100, 60
_MOST_BYTES = 2**20


def draw_png(
    data: xr.DataArray | xr.Dataset, *, title: str | None = None, width: float = 7.0
) -> bytes:
    """Return the figure of data as PNG; coarser where it would be more than about a MiB."""
    figure = signal(data, title=title, width=width)
    picture = _rendered(figure, _FINE)
    return picture if len(picture) <= _MOST_BYTES else _rendered(figure, _COARSE)


def _rendered(figure: Any, resolution: int) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=resolution)
    return content.getvalue()
