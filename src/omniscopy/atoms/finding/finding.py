"""Finding atoms in images."""

import importlib
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.atoms.finding.candidates import matched_filter
from omniscopy.atoms.finding.choice import Atoms, Scene, find_in
from omniscopy.atoms.finding.images import Grid, filled, grid_of
from omniscopy.atoms.finding.scales import scales_of
from omniscopy.atoms.refinement.fits import FAINT, Settings, fit_atoms
from omniscopy.compute import map_signal
from omniscopy.model import DataError, Status, coordinate, operation, require_choice, result

Method = Literal["peaks", "log", "learned"]
Contrast = Literal["bright", "dark"]
MAX_ATOMS = 16384
_COLUMNS = ("y", "x", "y_std", "x_std", "intensity", "intensity_std", "signal_to_noise")
_NUMBERS = ("spacing", "width", "threshold")
# Width of an atom over the spacing where the image does not tell.
_USUAL_WIDTH = 0.18
# The autocorrelation sees atoms narrower than they are, as their neighbours overlap with them:
# where they are closer than this (in the width that is seen), by much, so that the width is fitted.
_NARROWED, _OVERLAPPING = 1.08, 6.5
# Faint atoms are fitted so much wider than they are; a filter that is not narrower than this part
# of what is right finds as much.
_FITTED_WIDER, _NARROW_ENOUGH = 1.05, 0.92
_FEW = 8


@operation(example={"image": "atom_image"})
def find_atoms(
    image: xr.DataArray,
    *,
    spacing: float | None = None,
    threshold: float | None = None,
    method: Method = "peaks",
    contrast: Contrast = "bright",
    min_intensity: float = 0.2,
    max_atoms: int = MAX_ATOMS,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Find the atoms, or atomic columns, of every image.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid; NaN where nothing was measured.
    spacing : float, units of the coordinates
        The shortest distance of two atoms. Otherwise it is found by itself.
    threshold : float
        Height of an atom over the standard deviation of its noise, at least; of counts, whose
        noise is skewed, that of normal noise which is as improbable. Otherwise that of the best
        expected F1, for which an image of noise has an atom in 1 of 100 cases.
    method : {"peaks", "log", "learned"}
        Maxima of the image smoothed by the width of an atom, less its surroundings of twice
        that width; of the Laplacian of the smoothed image; or what the network of
        `learn.AtomFinder` finds and fits, with its ``probability``, of which `threshold` is one
        then. It needs the extra ``learn``.
    contrast : {"bright", "dark"}
        Whether atoms are brighter than their surroundings or darker, as in bright field.
    min_intensity : float, 1
        Atoms are at least so high, relative to the bright ones (the 90th percentile); those
        of "learned" may be of any height.
    max_atoms : int
        Only the highest ones are returned.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., atom)
        By rows: ``y`` and ``x`` with ``_std``, units of the coordinates; ``intensity``, the height
        above the surroundings (below them, and negative, if dark) with ``_std``, and its
        ``signal_to_noise``. Of each image: the median ``spacing`` of nearest atoms, the ``width``
        (standard deviation) looked for, the ``threshold`` that was asked of them (infinite if
        nothing stands out), ``count`` before the limit, and ``status``: 4 (no data) without a
        finite pixel. Of a single image in memory as many atoms as there are; otherwise `max_atoms`
        with NaN after the last one. `refine_atoms` makes the positions exact.

    Raises
    ------
    DataError
        There are no two spatial dimensions of at least 8 pixels, a step is not uniform, or the
        spacing is not of the image.

    Notes
    -----
    Width and spacing are those of the autocorrelation: of its peak in the middle, without the
    noise, and of the next peaks. Those may be of a lattice with closer atoms in a cell (graphene):
    atoms may be half as far apart where this explains the image much better. The noise is
    :math:`a + b I`, measured from second differences. Heights of all maxima are fitted together,
    so that faint atoms among bright ones are not lost, and what is left is looked through once
    more. How many maxima of filtered noise exceed a height is known [1]_; they only count where
    there is room beside higher atoms. Heights over skewed noise are turned into those of normal
    noise [2]_. Where some atoms are likely to be false and the image repeats itself, candidates
    are chosen by the probability that they are atoms, of their height and of what is one cell
    further: how much that says is learnt from the image itself [3]_. Then `threshold` is that of
    heights alone, and atoms may be below it.

    References
    ----------
    .. [1] D. Cheng and A. Schwartzman, *Bernoulli* 24, 3422 (2018).
    .. [2] E. B. Wilson and M. M. Hilferty, *Proc. Natl. Acad. Sci.* 17, 684 (1931).
    .. [3] B. Efron, *Large-Scale Inference*, Cambridge University Press (2010), chapter 2.

    Examples
    --------
    >>> import omniscopy as om
    >>> atoms = om.atoms.find_atoms(om.samples.atom_image())
    >>> atoms.sizes["atom"], round(float(atoms["spacing"]), 2), atoms["spacing"].attrs["units"]
    (338, 0.27, 'nm')
    """
    grid = grid_of(image, dims)
    require_choice("method", method, get_args(Method))
    require_choice("contrast", contrast, get_args(Contrast))
    _require_limits(image, grid, spacing, threshold, min_intensity, max_atoms)
    if method == "learned":
        return _learned(
            image, spacing=spacing, threshold=threshold, contrast=contrast, max_atoms=max_atoms,
            dims=grid.dims,
        )  # fmt: skip
    search = _Search(grid, spacing, threshold, method, contrast == "dark", min_intensity, max_atoms)
    made = map_signal(
        search.run, image, dim=grid.dims,
        output_dims=[{"atom": max_atoms}] * len(_COLUMNS) + [{}] * (len(_NUMBERS) + 2),
        dtypes=[np.float64] * (len(_COLUMNS) + len(_NUMBERS)) + [np.int64, np.uint8],
    )  # fmt: skip
    columns = dict(zip((*_COLUMNS, *_NUMBERS, "count", "status"), made, strict=True))
    values = image.attrs.get("units")
    units = {
        **dict.fromkeys(("y", "x", "y_std", "x_std", "spacing", "width"), grid.units),
        "intensity": values, "intensity_std": values,
    }  # fmt: skip
    found = result(None, **{name: (each, units.get(name, "1")) for name, each in columns.items()})
    found = found.assign_coords(atom=coordinate("atom", np.arange(max_atoms), "1"))
    single = image.ndim == 2 and image.chunks is None
    return found.isel(atom=slice(min(int(found["count"]), max_atoms))) if single else found


def _learned(image: xr.DataArray, **options: Any) -> xr.Dataset:
    """Return the atoms that a network finds; the package of networks is above this one."""
    learn = importlib.import_module("omniscopy.learn")
    found: xr.Dataset = learn.AtomFinder().predict(image, **options)
    return found


def _require_limits(  # noqa: PLR0917
    image: xr.DataArray, grid: Grid, spacing: float | None, threshold: float | None,
    min_intensity: float, max_atoms: int,
) -> None:  # fmt: skip
    if spacing is not None:
        field = min(
            size * step * grid.unit
            for size, step in zip((image.sizes[d] for d in grid.dims), grid.aspect, strict=True)
        )
        if not 2 * grid.unit < spacing < field:
            message = (
                f"spacing {spacing:g} must be above 2 pixels ({2 * grid.unit:g}) and below the "
                f"field of view ({field:g}), in the units of the coordinates ({grid.units})"
            )
            raise DataError(message)
    if threshold is not None and not threshold > 0:
        message = f"threshold must be above 0 standard deviations of the noise, got {threshold!r}"
        raise DataError(message)
    if not 0 <= min_intensity < 1:
        message = f"min_intensity must be from 0 to below 1, got {min_intensity!r}"
        raise DataError(message)
    if max_atoms < 1:
        message = f"max_atoms must be at least 1, got {max_atoms!r}"
        raise DataError(message)


@dataclass(frozen=True)
class _Search:
    """What is looked for in a block of images."""

    grid: Grid
    spacing: float | None
    threshold: float | None
    method: Method
    dark: bool
    min_intensity: float
    max_atoms: int

    def run(self, block: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the columns, the numbers, the count and the status of every image."""
        outer = block.shape[:-2]
        columns = np.full((len(_COLUMNS), *outer, self.max_atoms), np.nan)
        numbers = np.full((len(_NUMBERS), *outer), np.nan)
        count, status = np.zeros(outer, np.int64), np.zeros(outer, np.uint8)
        for pixel in np.ndindex(*outer):
            image = np.asarray(block[pixel], np.float64)
            known = np.isfinite(image)
            if not known.any():
                status[pixel] = Status.NO_DATA
                continue
            table, own = self.find(image, known)
            count[pixel] = table.shape[1]
            if table.shape[1] > self.max_atoms:
                highest = np.argsort(-np.abs(table[4]), kind="stable")[: self.max_atoms]
                table = table[:, np.sort(highest)]
            columns[(slice(None), *pixel, slice(table.shape[1]))] = table
            numbers[(slice(None), *pixel)] = own
        return (*columns, *numbers, count, status)

    def find(self, image: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, list[float]]:
        """Return the columns of one image, by rows, and its spacing, width and threshold."""
        grid, sign = self.grid, -1.0 if self.dark else 1.0
        if not np.ptp(image[known]) > 0:
            return np.empty((len(_COLUMNS), 0)), [np.nan, np.nan, np.inf]
        # Noise and rounding do not depend on what all pixels have in common.
        level = float(np.median(image[known]))
        scales = scales_of(image - level, grid.aspect)
        spacing = scales.spacing if self.spacing is None else self.spacing / grid.unit
        width = scales.width * _NARROWED
        if np.isnan(width):
            width = 2.0 if self.spacing is None else _USUAL_WIDTH * spacing
        # Of narrower filters the maxima on a grid are not those of a field.
        width = max(width, 1.2 * max(grid.aspect))
        matched = matched_filter(width, grid.aspect, self.method)
        reach = (2.0 * width / grid.aspect[0], 2.0 * width / grid.aspect[1])
        whole = filled(sign * (image - level), known, reach)
        scene = Scene(
            (image.shape[0], image.shape[1]), grid.aspect, width, spacing,
            self.spacing is not None, self.threshold, self.min_intensity,
        )  # fmt: skip
        atoms = find_in(whole, known, matched, scene)
        right = self._fitted_width(whole, known, atoms, width)
        if width < _NARROW_ENOUGH * right:
            width = right
            atoms = find_in(
                whole, known, matched_filter(width, grid.aspect, self.method),
                scene._replace(width=width),
            )  # fmt: skip
        order = np.lexsort(atoms.place.T[::-1])
        place_std = atoms.place_std * grid.unit
        table = np.stack([
            grid.places(atoms.place[:, 0], 0), grid.places(atoms.place[:, 1], 1), place_std,
            place_std, sign * atoms.height, atoms.std, atoms.height / atoms.std,
        ])[:, order]  # fmt: skip
        return table, [atoms.spacing * grid.unit, width * grid.unit, atoms.threshold]

    def _fitted_width(
        self, image: np.ndarray, known: np.ndarray, atoms: Atoms, width: float
    ) -> float:
        """Return the width that fits all faint atoms which overlap, NaN where they do not.

        Bright ones are found by a filter of any width.
        """
        overlapping = len(atoms.place) > _FEW and atoms.spacing < _OVERLAPPING * width
        if not overlapping or np.median(atoms.height / atoms.std) > FAINT:
            return np.nan
        settings = Settings(
            self.grid.aspect, "round_gaussian", joint=True, likelihood="gaussian",
            widths="shared", max_steps=30,
        )  # fmt: skip
        values = np.where(known, image, np.nan)
        fitted = fit_atoms(values, atoms.place * self.grid.aspect, width, settings)
        form = fitted.parameters[:, 3:6]
        square = float(np.median(form[:, 0] * form[:, 2] - form[:, 1] ** 2))
        return square**-0.25 / _FITTED_WIDER if square > 0 else np.nan
