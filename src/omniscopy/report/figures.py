"""Figures as part of a page: vector graphics for curves, pixels at twice the size for images."""

import base64
import io
from dataclasses import dataclass
from typing import Any

import xarray as xr

from omniscopy.plot import signal, thumbnail
from omniscopy.report.previews import Preview, make_preview

_FINE, _COARSE = 200, 110  # points per inch
_CSS_PER_INCH = 96
# Above this many points a curve is smaller as pixels.
_VECTOR_POINTS = 8_000
# What a page may hold of pictures and numbers, so that it can still be sent.
PAGE_BYTES = 24 * 2**20


class PageFullError(ValueError):
    """There is no room for a further figure on a page."""


@dataclass(frozen=True)
class Picture:
    """An image for a page: its address with all of its content, and its size in CSS pixels."""

    address: str
    width: int
    height: int
    vector: bool = False


class Album:
    """Makes the figures of one page, coarser ones when half of its room is taken."""

    def __init__(self, most: int = PAGE_BYTES) -> None:
        self._most, self._taken = most, 0

    def draw(self, data: xr.DataArray | xr.Dataset, **options: Any) -> Picture:
        """Return the figure of any data or result; raise `PageFullError` where none fits."""
        if self._taken >= self._most:
            message = (
                f"the page would be larger than {self._most // 2**20} MiB; give `channels=` to "
                "write up fewer at a time"
            )
            raise PageFullError(message)
        picture = draw_picture(data, fine=self._taken < self._most // 2, **options)
        self._taken += len(picture.address)
        return picture

    def draw_small(self, data: xr.DataArray) -> str:
        """Return the address of a small picture."""
        coded = base64.b64encode(thumbnail(data, size=112)).decode("ascii")
        self._taken += len(coded)
        return f"data:image/png;base64,{coded}"

    def embed(self, data: xr.DataArray) -> Preview | None:
        """Return numbers to click through, `None` where there are none or no room for them."""
        if self._taken >= self._most // 2:
            return None
        made = make_preview(data)
        self._taken += len(made.content) if made else 0
        return made


def draw_picture(
    data: xr.DataArray | xr.Dataset, *, fine: bool = True, **options: Any
) -> Picture:  # fmt: skip
    """Return the figure of any data or result."""
    figure = signal(data, **options)
    width, height = (round(inches * _CSS_PER_INCH) for inches in figure.get_size_inches())
    content = io.BytesIO()
    vector = _is_light(figure)
    if vector:
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
        kind = "svg+xml"
    else:
        # A noisy image is ten times larger as PNG; at this quality no difference is seen.
        quality = {"quality": 90 if fine else 80, "method": 4}
        dpi = _FINE if fine else _COARSE
        figure.savefig(content, format="webp", dpi=dpi, pil_kwargs=quality)
        kind = "webp"
    coded = base64.b64encode(content.getvalue()).decode("ascii")
    return Picture(f"data:image/{kind};base64,{coded}", width, height, vector)


def _is_light(figure: Any) -> bool:
    """Return whether a figure is curves and text only, and few of them."""
    points = 0
    for ax in figure.axes:
        if ax.images or ax.child_axes:
            return False
        points += sum(len(line.get_xdata()) for line in ax.lines)
        points += sum(len(path) for group in ax.collections for path in group.get_paths())
    return points <= _VECTOR_POINTS
