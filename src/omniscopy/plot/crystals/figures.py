"""Which figure a simulated pattern has."""

from collections.abc import Callable

import xarray as xr
from matplotlib.figure import Figure

from omniscopy.plot.crystals.patterns import line_pattern, ring_pattern, spot_pattern
from omniscopy.plot.style import Look


def is_spots(results: xr.Dataset) -> bool:
    """Return whether results are spots of a crystal."""
    return _along(results, "reflection", {"ky", "kx", "hkl", "intensity", "laue_zone"})


def is_rings(results: xr.Dataset) -> bool:
    """Return whether results are rings of a powder with their profile."""
    return _along(results, "reflection", {"radius", "hkl", "intensity", "profile"})


def is_lines(results: xr.Dataset) -> bool:
    """Return whether results are Kikuchi or HOLZ lines."""
    needed = {"normal_ky", "normal_kx", "deficient", "excess", "intensity", "hkl"}
    return _along(results, "line", needed)


def _along(results: xr.Dataset, dim: str, needed: set[str]) -> bool:
    return bool(results.sizes.get(dim)) and needed <= {*results.data_vars}


def _figure(draw: Callable[..., Figure]) -> Callable[[xr.Dataset, Look, str], Figure]:
    """Return the function that draws results with a look."""

    def drawn(results: xr.Dataset, look: Look, title: str) -> Figure:
        return draw(results.compute(), title=title or None, width=min(look.width, 5.5))

    return drawn


CRYSTAL_FIGURES: tuple[tuple[Callable[[xr.Dataset], bool], Callable[..., Figure]], ...] = (
    (is_spots, _figure(spot_pattern)),
    (is_rings, _figure(ring_pattern)),
    (is_lines, _figure(line_pattern)),
)
