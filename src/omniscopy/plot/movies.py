"""Movies: the images or curves of a series one after another, all with one contrast."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, FuncAnimation, PillowWriter

from omniscopy.model.checks import require_array
from omniscopy.model.dimensions import dims_of_kind, kind_of_dim
from omniscopy.model.errors import DataError
from omniscopy.plot.axes import grid_of
from omniscopy.plot.contrast import PERCENTILES, contrast_of
from omniscopy.plot.curves import curve_dim, draw_curves
from omniscopy.plot.images import draw_image, picture_size
from omniscopy.plot.labels import prefix, title_of
from omniscopy.plot.sampling import POINTS, evenly, in_reach, sample_plane, thin
from omniscopy.plot.stacks import place_label
from omniscopy.plot.style import Look, Page, new_page, panel_title

_PIXELS = 512
# The contrast is that of so many evenly taken frames.
_LOOKED_AT = 24
_PILLOW, _FFMPEG = (".gif", ".webp"), (".mp4", ".webm", ".mov", ".mkv", ".avi")


def animate(  # noqa: PLR0913 - options of the field
    data: xr.DataArray,
    path: str | Path | None = None,
    *,
    dim: str | Sequence[str] | None = None,
    frame_rate: float = 10.0,
    frames: int = 300,
    resolution: float = 120.0,
    title: str | None = None,
    width: float = 5.0,
    colours: str | None = None,
    percentiles: tuple[float, float] = PERCENTILES,
) -> FuncAnimation:
    """Make a movie of a series of images or curves, with one contrast for all of it.

    Parameters
    ----------
    data : DataArray
        A stack of images, a spectral image (one map after another), patterns of a scan, spectra
        of a series; lazy or in memory. Complex values are shown by their magnitude.
    path : str or Path, optional
        Where to write the movie: ``.gif`` or ``.webp``, or ``.mp4`` and the like where the
        program ffmpeg is installed. Nothing is written otherwise.
    dim : str or sequence of str, optional
        Dimensions that time runs along, the last one fastest. By default all but those of the
        image (patterns before maps), or all but that of the curves where there is no image.
    frame_rate : float, frames per second
        How fast it runs.
    frames : int
        Most frames that are made, evenly taken; the figure says so.
    resolution : float, dots per inch
        Of the file.
    title : str, optional
        What to write above it; by default the title of the data.
    width : float
        Width in inches, about.
    colours : str, optional
        Name of a matplotlib colour map; by default one that suits the quantity.
    percentiles : (low, high)
        The contrast spans these percentiles of 24 evenly taken frames.

    Returns
    -------
    matplotlib.animation.FuncAnimation
        Not shown. ``animation.save(path)`` writes it, ``animation.to_jshtml()`` is a player for
        notebooks. Each frame is read when it is drawn.

    Raises
    ------
    DataError
        There is no dimension for time, or nothing is left to be drawn; the kind of file is
        unknown, or needs ffmpeg where that is not; a number is not above 0.

    Examples
    --------
    >>> import omniscopy as om
    >>> movie = om.plot.animate(om.samples.image_stack(), "series.gif")  # doctest: +SKIP
    """
    require_array(data)
    if data.dtype.kind not in "biufc" or not data.size:
        message = f"expected numbers to animate, got {dict(data.sizes)} of type {data.dtype}"
        raise DataError(message)
    for name, value in (
        ("frame_rate", frame_rate), ("frames", frames), ("resolution", resolution)
    ):  # fmt: skip
        if not (math.isfinite(value) and value > 0):
            message = f"{name} must be above 0, got {value!r}"
            raise DataError(message)
    writer = None if path is None else _writer(Path(path), frame_rate)
    data = data.squeeze()
    running, shown = _dims(data, dim)
    look = Look(title, width, colours, percentiles)
    title = title_of(data) if title is None else title
    series = _Series.of(in_reach(data), running, shown, int(frames))
    draw = _movie_of_images if len(shown) == 2 else _movie_of_curves
    page, update = draw(series, look, title)
    # The places of the panels are those of the first frame.
    page.figure.set_layout_engine("none")
    movie = FuncAnimation(
        page.figure, update, frames=len(series.places), init_func=list,
        interval=1000.0 / frame_rate, blit=False, cache_frame_data=False,
    )  # fmt: skip
    if writer is not None:
        movie.save(str(path), writer=writer, dpi=resolution)
    return movie


@dataclass(frozen=True)
class _Series:
    """The frames of a movie: where each is in the data."""

    data: xr.DataArray
    shown: tuple[str, ...]
    places: list[dict[str, int]]
    total: int

    @classmethod
    def of(
        cls, data: xr.DataArray, running: list[str], shown: tuple[str, ...], most: int
    ) -> "_Series":
        sizes = [data.sizes[dim] for dim in running]
        total = math.prod(sizes)
        places = [
            dict(zip(running, map(int, np.unravel_index(flat, sizes)), strict=True))
            for flat in evenly(total, most)
        ]
        return cls(data, shown, places, total)

    @property
    def note(self) -> str:
        """Return what is left out."""
        count = len(self.places)
        return f"{count} of {self.total} frames" if count < self.total else ""

    def label(self, number: int) -> str:
        """Return where a frame is, with units."""
        place = self.places[number]
        return ", ".join(place_label(self.data, dim, index) for dim, index in place.items())

    def frame(self, number: int) -> xr.DataArray:
        """Return a frame in memory, in the units of the data."""
        part = self.data.isel(self.places[number]).transpose(*self.shown)
        part = abs(part).assign_attrs(self.data.attrs) if part.dtype.kind == "c" else part
        if len(self.shown) == 2:
            return sample_plane(part, pixels=_PIXELS).values
        (dim,) = self.shown
        return thin(part, {dim: -(-part.sizes[dim] // POINTS)}).values

    def looked_at(self) -> np.ndarray:
        """Return the values that tell the contrast."""
        chosen = evenly(len(self.places), _LOOKED_AT)
        values = [np.asarray(self.frame(number).values, np.float64).ravel() for number in chosen]
        return np.concatenate(values)


def _movie_of_images(
    series: _Series, look: Look, title: str
) -> tuple[Page, Callable[[int], list[Any]]]:
    first, values = series.frame(0), series.looked_at()
    factor, units = prefix(values, first.attrs.get("units"))
    pattern = all(kind_of_dim(first, dim) == "reciprocal" for dim in first.dims)
    contrast = contrast_of(
        values * factor, first, colours=look.colours, percentiles=look.percentiles,
        compressed=pattern,
    )  # fmt: skip

    def scaled(number: int) -> np.ndarray:
        return np.asarray(series.frame(number).values, np.float64) * factor

    plane = first.copy(data=scaled(0)).assign_attrs(units=units)
    if units is None:
        del plane.attrs["units"]
    width, height = picture_size(grid_of(plane).aspect, look.width - 1.75)
    page = new_page(width + 1.75, height + 1.1)
    ax = page.figure.subplots()
    draw_image(ax, plane, look, title=title, contrast=contrast)
    panel_title(ax, series.label(0))
    page.note(series.note)
    page.finish(title)
    drawn: Any = ax.images[0] if ax.images else ax.collections[0]

    def update(number: int) -> list[Any]:
        drawn.set_array(np.ma.masked_invalid(scaled(number)))
        panel_title(ax, series.label(number))
        return []

    return page, update


def _movie_of_curves(
    series: _Series, look: Look, title: str
) -> tuple[Page, Callable[[int], list[Any]]]:
    (dim,) = series.shown
    first, values = series.frame(0), series.looked_at()
    factor, units = prefix(values, first.attrs.get("units"))
    scaled = first.copy(data=np.asarray(first.values, np.float64) * factor)
    if units is not None:
        scaled = scaled.assign_attrs(units=units)
    page = new_page(look.width, 3.4)
    ax = page.figure.subplots()
    draw_curves(ax, scaled, dim, title=title, rescaled=False)
    finite = values[np.isfinite(values)] * factor
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    margin = 0.05 * (high - low) or 0.5
    ax.set_ylim(low - margin, high + margin)
    panel_title(ax, series.label(0))
    page.note(series.note)
    page.finish(title)

    def update(number: int) -> list[Any]:
        ax.lines[0].set_ydata(np.asarray(series.frame(number).values, np.float64) * factor)
        panel_title(ax, series.label(number))
        return []

    return page, update


def _dims(data: xr.DataArray, dim: str | Sequence[str] | None) -> tuple[list[str], tuple[str, ...]]:
    """Return the dimensions that time runs along, and those of a frame."""
    dims = [str(each) for each in data.dims]
    if dim is not None:
        running = [dim] if isinstance(dim, str) else list(dim)
        missing = [each for each in running if each not in dims]
        if missing or not running:
            message = f"dim must name dimensions longer than 1 of {tuple(dims)}, got {dim!r}"
            raise DataError(message)
    else:
        pairs = (dims_of_kind(data, "reciprocal"), dims_of_kind(data, "spatial"))
        picture = next((pair[-2:] for pair in pairs if len(pair) >= 2), None)
        if picture is None and data.ndim >= 1:
            picture = [curve_dim(data)]
        running = [each for each in dims if each not in (picture or [])]
    shown = tuple(each for each in dims if each not in running)
    if not running or len(shown) not in (1, 2):
        message = (
            f"a movie needs a dimension for time and one or two that are drawn, got {tuple(dims)} "
            f"with time along {tuple(running)}; choose dim, or take a part"
        )
        raise DataError(message)
    return running, shown


def _writer(path: Path, frame_rate: float) -> AbstractMovieWriter:
    ending = path.suffix.lower()
    if ending in _PILLOW:
        return PillowWriter(fps=frame_rate)  # type: ignore[arg-type]
    if ending not in _FFMPEG:
        message = f"movies are written as {', '.join(_PILLOW + _FFMPEG)}, got {path.name!r}"
        raise DataError(message)
    if not FFMpegWriter.isAvailable():
        message = f"writing {ending} needs the program ffmpeg, which was not found; write .gif"
        raise DataError(message)
    # The common codec wants even numbers of pixels.
    even = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]
    return FFMpegWriter(fps=frame_rate, extra_args=even)  # type: ignore[arg-type]
