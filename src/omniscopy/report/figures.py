"""Figures as part of a page: vector graphics for curves, pixels at twice the size for images."""

import base64
import io
from dataclasses import dataclass
from typing import Any

import xarray as xr

from omniscopy.plot import signal

_POINTS_PER_INCH = 200
_CSS_PER_INCH = 96
# Above this many points a curve is smaller as pixels.
_VECTOR_POINTS = 8_000


@dataclass(frozen=True)
class Picture:
    """An image for a page: its address with all of its content, and its size in CSS pixels."""

    address: str
    width: int
    height: int


def draw_picture(data: xr.DataArray | xr.Dataset, **options: Any) -> Picture:
    """Return the figure of any data or result."""
    figure = signal(data, **options)
    width, height = (round(inches * _CSS_PER_INCH) for inches in figure.get_size_inches())
    content = io.BytesIO()
    if _is_light(figure):
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
        kind = "svg+xml"
    else:
        # A noisy image is ten times larger as PNG; at this quality no difference is seen.
        quality = {"quality": 90, "method": 4}
        figure.savefig(content, format="webp", dpi=_POINTS_PER_INCH, pil_kwargs=quality)
        kind = "webp"
    coded = base64.b64encode(content.getvalue()).decode("ascii")
    return Picture(f"data:image/{kind};base64,{coded}", width, height)


def _is_light(figure: Any) -> bool:
    """Return whether a figure is curves and text only, and few of them."""
    points = 0
    for ax in figure.axes:
        if ax.images or ax.child_axes:
            return False
        points += sum(len(line.get_xdata()) for line in ax.lines)
        points += sum(len(path) for group in ax.collections for path in group.get_paths())
    return points <= _VECTOR_POINTS
