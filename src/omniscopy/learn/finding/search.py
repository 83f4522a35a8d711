"""Atoms of one image after the other: scale, network, threshold, fit."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from omniscopy.atoms.finding.images import Grid
from omniscopy.atoms.refinement.fits import Fitted, Settings, fit_atoms, width_at
from omniscopy.learn.finding.peaks import Found, apart, atoms_in, best_threshold, spacing_of
from omniscopy.learn.finding.scaling import (
    WIDTH,
    contrast_of,
    normalised,
    smoothed,
    to_scale,
    whole,
    width_of,
)
from omniscopy.learn.nets.cells import BLOCK, CELL
from omniscopy.learn.tiling import apply_tiled
from omniscopy.model import Status

COLUMNS = (
    "y", "x", "y_std", "x_std", "intensity", "intensity_std", "signal_to_noise", "probability",
    "kind",
)  # fmt: skip
NUMBERS = ("spacing", "width", "threshold")
# Widths, in pixels, that are tried where the image does not tell its own.
_TRIED = (1.0, 1.7, 2.9, 5.0, 8.5)
_TRIED_ON = 512
# The image is scaled again where atoms turn out to be so much wider or narrower.
_AGAIN = 1.3
_FEWEST = 6
# What is more probable counts as an atom; above this mean of them, an image is clear. Others are
# looked at on so many coarser scales.
_CERTAIN, _SURE = 0.5, 0.95
_BEYOND_DOUBT = 0.9
_COARSER = 2
# Fits may move an atom so far, in deviations of both; further away they found another one.
_FAR = 4.0
# What fits state is the bound of Cramér and Rao. It is reached where the height of an atom is
# some times its deviation; of fewer counts it is too small by a third, as the height is one that
# noise has raised and the likelihood is no parabola as far as the fit may be off. There, and where
# a fit does not say more, the place is that of the network, which knows lattices.
_REACHED, _MORE = 6.0, 0.9
_LEVELS = 2000


@dataclass(frozen=True)
class Asked:
    """What is asked of a search; the spacing is in the shorter distance of two pixels."""

    spacing: float | None
    threshold: float | None
    dark: bool
    refine: bool
    likelihood: str
    max_atoms: int


class _Seen(NamedTuple):
    """Atoms in pixels of the image, with what was seen of it."""

    found: Found
    width: float
    level: float
    height: np.ndarray

    def take(self, which: np.ndarray) -> "_Seen":
        """Return what was seen of some of the atoms."""
        return self._replace(found=self.found.take(which), height=self.height[which])


@dataclass(frozen=True)
class Search:
    """What is looked for in a block of images."""

    net: torch.nn.Module
    device: torch.device
    grid: Grid
    asked: Asked
    calibration: tuple[float, float]
    spread: float

    def run(self, block: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the columns, the numbers, the count and the status of every image."""
        outer, most = block.shape[:-2], self.asked.max_atoms
        columns = np.full((len(COLUMNS), *outer, most), np.nan)
        numbers = np.full((len(NUMBERS), *outer), np.nan)
        count, status = np.zeros(outer, np.int64), np.zeros(outer, np.uint8)
        for pixel in np.ndindex(*outer):
            image = np.asarray(block[pixel], np.float64)
            if not np.isfinite(image).any():
                status[pixel] = Status.NO_DATA
                continue
            table, own = self.find(image)
            count[pixel] = table.shape[1]
            if table.shape[1] > most:
                first = np.argsort(-table[7], kind="stable")[:most]
                table = table[:, np.sort(first)]
            columns[(slice(None), *pixel, slice(table.shape[1]))] = table
            numbers[(slice(None), *pixel)] = own
        return (*columns, *numbers, count, status)

    def find(self, image: np.ndarray) -> tuple[np.ndarray, list[float]]:
        """Return the columns of one image, by rows, and its spacing, width and threshold."""
        known = np.isfinite(image)
        nothing = np.empty((len(COLUMNS), 0)), [np.nan, np.nan, 1.0]
        if not np.ptp(image[known]) > 0:
            return nothing
        seen = self.seen(self.upright(image), known)
        threshold = self.asked.threshold or best_threshold(seen.found.probability)
        taken = seen.found.probability >= threshold
        # What nobody asks for is not fitted.
        found, height = seen.found.take(taken), seen.height[taken]
        order = np.lexsort(found.places.T[::-1])
        found, height = found.take(order), height[order]
        places, std = found.places, np.maximum(self.spread * found.std, 1e-6)
        std = np.stack([std, std], axis=1)
        height_std = np.full(len(height), np.nan)
        width = seen.width
        if self.asked.refine and len(places) > 1:
            places, std, height, height_std, width = self.refined(image, places, std, height, width)
        sign = -1.0 if self.asked.dark else 1.0
        unit = self.grid.unit
        table = np.stack([
            self.grid.places(places[:, 0], 0), self.grid.places(places[:, 1], 1),
            *(std * np.abs(np.array(self.grid.step)) * (1.0, self.grid.factor)).T,
            sign * height, height_std, height / height_std, found.probability,
            found.kinds.astype(np.float64),
        ])  # fmt: skip
        spacing = spacing_of(places * self.grid.aspect)
        return table, [spacing * unit, width * unit, threshold]

    def upright(self, image: np.ndarray) -> np.ndarray:
        """Return an image in which atoms are bright."""
        return -image if self.asked.dark else image

    def seen(self, image: np.ndarray, known: np.ndarray) -> _Seen:
        """Return the atoms that the network sees, and again if the scale was wrong."""
        width = width_of(image, self.asked.spacing, self.grid.aspect)
        if np.isnan(width):
            # Nothing is wider than noise: only what is beyond doubt counts.
            seen = self.seen_at(image, known, self.best_width(image, known))
            likely = _mean_above(seen.found.probability) > _BEYOND_DOUBT
            return seen if likely else seen.take(np.zeros(len(seen.height), dtype=bool))
        seen = self.seen_at(image, known, width)
        certain = seen.found.probability > _CERTAIN
        if certain.sum() >= _FEWEST:
            places = seen.found.places[certain] * self.grid.aspect
            own = width_at(image, places, self.grid.aspect)
            if np.isfinite(own) and not 1 / _AGAIN < own / width < _AGAIN:
                again = self.seen_at(image, known, float(np.clip(own, width / 2.5, width * 2.5)))
                seen = again if _worth(again) > _worth(seen) else seen
        # Of noisy images a smaller one shows more of the lattice, with less noise in a pixel.
        for _ in range(_COARSER):
            probability = seen.found.probability
            if not probability.size or _mean_above(probability) > _SURE:
                break
            again = self.seen_at(image, known, _AGAIN * seen.width)
            if _worth(again) <= _worth(seen):
                break
            seen = again
        return seen

    def best_width(self, image: np.ndarray, known: np.ndarray) -> float:
        """Return the width of atoms at which the network is surest of them."""
        part = tuple(slice(max(0, (n - _TRIED_ON) // 2), (n + _TRIED_ON) // 2) for n in image.shape)
        if not known[part].any() or not np.ptp(image[part][known[part]]) > 0:
            part = (slice(None), slice(None))
        worth = [_worth(self.seen_at(image[part], known[part], width)) for width in _TRIED]
        return _TRIED[int(np.argmax(worth))]

    def seen_at(self, image: np.ndarray, known: np.ndarray, width: float) -> _Seen:
        """Return what the network sees if atoms are so wide."""
        scaled = to_scale(whole(image, known, width), width, self.grid.aspect)
        level, contrast = contrast_of(scaled.values)
        said = self.said(normalised(scaled.values, (level, contrast)))
        found = apart(atoms_in(said, self.calibration))
        # An atom smoothed by its own width is half as high.
        smooth = smoothed(scaled.values, WIDTH).numpy()
        at = np.clip(np.rint(found.places).astype(np.int64), 0, np.array(smooth.shape) - 1)
        height = 2.0 * (smooth[at[:, 0], at[:, 1]] - level)
        factors = np.array(scaled.factors)
        places = (found.places + 0.5) / factors - 0.5
        inside = ((places > -0.5) & (places < np.array(image.shape) - 0.5)).all(axis=1)
        inside &= _known_at(known, places)
        found = found._replace(places=places, std=found.std / float(np.sqrt(factors.prod())))
        return _Seen(found.take(inside), width, level, height[inside])

    def said(self, values: torch.Tensor) -> np.ndarray:
        """Return what the network says of every cell of a scaled image."""
        with torch.inference_mode():
            made = apply_tiled(self.net, values[None], block=BLOCK, cell=CELL, device=self.device)
        return made.numpy()

    def map_of(self, image: np.ndarray) -> np.ndarray:
        """Return the probability of an atom at every pixel of the image."""
        from scipy.ndimage import map_coordinates, uniform_filter

        known = np.isfinite(image)
        if not known.any() or not np.ptp(image[known]) > 0:
            return np.where(known, 0.0, np.nan)
        image = self.upright(image)
        width = width_of(image, self.asked.spacing, self.grid.aspect)
        width = self.best_width(image, known) if np.isnan(width) else width
        scaled = to_scale(whole(image, known, width), width, self.grid.aspect)
        said = self.said(normalised(scaled.values, contrast_of(scaled.values)))
        share = 1.0 / (1.0 + np.exp(-said[0].astype(np.float64)))
        total = np.clip(9.0 * uniform_filter(share, 3, mode="constant"), 0.0, 1.0)
        rows, columns = (
            ((np.arange(size) + 0.5) * factor - 0.5 + 0.5) / CELL - 0.5
            for size, factor in zip(image.shape, scaled.factors, strict=True)
        )
        grid = np.meshgrid(rows, columns, indexing="ij")
        made = map_coordinates(total, grid, order=1, mode="nearest")
        return np.where(known, made, np.nan)

    def refined(
        self, image: np.ndarray, places: np.ndarray, std: np.ndarray, height: np.ndarray,
        width: float,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:  # fmt: skip
        """Return places, deviations, heights and width after a fit of all atoms together."""
        aspect = np.array(self.grid.aspect)
        counts, gain = counts_of(image)
        poisson = self.asked.likelihood == "poisson" or (
            self.asked.likelihood == "auto" and counts and not self.asked.dark
        )
        settings = Settings(
            self.grid.aspect, shape="round_gaussian", joint=True,
            likelihood="poisson" if poisson else "gaussian", widths="auto", max_steps=50,
        )  # fmt: skip
        at = places * aspect
        own = width_at(image, at, self.grid.aspect)
        start = own if np.isfinite(own) and 0.5 < own / width < 2.0 else width
        unit = gain if poisson else 1.0
        fitted = fit_atoms(image / unit, at, max(start, 0.6), settings)
        inside = np.isfinite(image)
        return self._together(fitted, unit, places, std, height, start, inside)

    def _together(  # noqa: PLR0917 - what was seen and what was fitted
        self, fitted: Fitted, unit: float, places: np.ndarray, std: np.ndarray,
        height: np.ndarray, width: float, known: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:  # fmt: skip
        """Return the fit of each atom where it says more than the network."""
        aspect = np.array(self.grid.aspect)
        values = fitted.parameters
        with np.errstate(invalid="ignore"):
            own_std = np.sqrt(np.diagonal(fitted.covariance, axis1=1, axis2=2))
        moved = values[:, 1:3] / aspect
        moved_std = own_std[:, 1:3] / aspect
        sign = -1.0 if self.asked.dark else 1.0
        good = np.isfinite(moved).all(axis=1) & np.isfinite(moved_std).all(axis=1)
        good &= np.isin(fitted.status, (Status.CONVERGED, Status.MAX_STEPS))
        away = np.hypot(*(moved - places).T)
        good &= away <= _FAR * np.hypot(*std.T) + 0.3
        good &= (moved_std <= 1.2 * std).all(axis=1)
        good &= sign * values[:, 0] > 0
        clear = good & (moved_std <= _MORE * std).all(axis=1)
        clear &= sign * values[:, 0] >= _REACHED * own_std[:, 0]
        # Beyond the edge of what was measured, a fit says nothing.
        inside = np.where(clear[:, None], moved, places)
        clear &= ((inside > -0.5) & (inside < np.array(known.shape) - 0.5)).all(axis=1)
        clear &= _known_at(known, inside)
        places = np.where(clear[:, None], moved, places)
        std = np.where(clear[:, None], moved_std, std)
        height = np.where(good, sign * unit * values[:, 0], height)
        height_std = np.where(np.isfinite(own_std[:, 0]), unit * own_std[:, 0], np.nan)
        form = 0.5 * (values[:, 3] + values[:, 5])[good]
        if form.size:
            width = float(np.median(form)) ** -0.5
        return places, std, height, height_std, width


def counts_of(image: np.ndarray) -> tuple[bool, float]:
    """Return whether values are whole numbers of something, and how much one of it is."""
    finite = image[np.isfinite(image)]
    some = np.unique(finite[:: 1 + finite.size // 100_000])
    if some.size < 2 or some.size > _LEVELS or some[0] < 0:
        return False, 1.0
    unit = float(np.diff(some).min())
    parts = some / unit
    # Single precision is exact to seven digits.
    whole_ones = bool(np.abs(parts - np.rint(parts)).max() < 1e-3 + 1e-6 * parts[-1])
    return whole_ones, unit


def _known_at(known: np.ndarray, places: np.ndarray) -> np.ndarray:
    at = np.clip(np.rint(places).astype(np.int64), 0, np.array(known.shape) - 1)
    found: np.ndarray = known[at[:, 0], at[:, 1]]
    return found


def _worth(seen: _Seen) -> float:
    """Return how sure the network is of atoms, all together."""
    probability = seen.found.probability
    return float(np.clip(2.0 * probability - 1.0, 0.0, None).sum())


def _mean_above(probability: np.ndarray) -> float:
    """Return the mean of what is more probable than not; 0 where nothing is."""
    likely = probability[probability > _CERTAIN]
    return float(likely.mean()) if likely.size else 0.0
