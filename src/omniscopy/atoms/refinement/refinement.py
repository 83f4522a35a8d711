"""Refining the positions of atoms by fits to the image."""

from dataclasses import dataclass
from typing import get_args

import numpy as np
import xarray as xr

from omniscopy.atoms.finding.images import Grid, factor_to, grid_of
from omniscopy.atoms.finding.scales import scales_of
from omniscopy.atoms.refinement.fits import (
    Fitted,
    Settings,
    Shape,
    Widths,
    begun,
    finished,
    width_at,
)
from omniscopy.atoms.tables import ATOM, require_length, with_coordinates
from omniscopy.compute import map_signal
from omniscopy.compute.fitting.problem import LIKELIHOODS, Likelihood
from omniscopy.model import (
    DataError,
    Status,
    operation,
    require_choice,
    result,
)

_FITTED = ("y", "x", "sigma_y", "sigma_x", "angle", "amplitude", "background")
# Windows of faint atoms are made anew where the width is another than that by this factor.
_OTHER = 1.15
# Atoms are long from this ratio of their widths on: noise is then not that of round ones.
_LONG = 1.15
_COLUMNS = (*_FITTED, *(f"{name}_std" for name in _FITTED), "residual_rms")


@operation(example={"image": "atom_image", "positions": "column_positions"})
def refine_atoms(  # noqa: PLR0913 - each is a choice of its own
    image: xr.DataArray,
    positions: xr.Dataset,
    *,
    model: Shape = "gaussian",
    joint: bool = True,
    likelihood: Likelihood = "gaussian",
    widths: Widths = "auto",
    width: float | None = None,
    max_steps: int = 100,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    r"""Refine the positions of atoms by fitting a Gaussian and a background to each.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid; NaN where nothing was measured.
    positions : Dataset, shape (..., atom), units of the coordinates
        ``y`` and ``x``, such as `find_atoms` gives: within about a width of the atoms.
    model : {"gaussian", "round_gaussian"}
        Elliptic and turned by an angle, or the same width along both axes.
    joint : bool
        Fit atoms that overlap together. Otherwise what is nearer to another atom is left out.
    likelihood : {"gaussian", "poisson"}
        Noise whose variance is a straight line of the brightness, as the image shows, or counts.
    widths : {"auto", "own", "shared"}
        Each atom has a shape of its own, or all have the same; "auto" shares it where it
        could not be told for most atoms (signal to noise below 20).
    width : float, units of the coordinates
        Standard deviation of an atom to start from; otherwise that of their mean.
    max_steps : int
        Evaluations of the model for an atom, at most.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset, shape (..., atom)
        ``y``, ``x``; the standard deviations ``sigma_x`` along the axis of the ellipse that is
        nearest to x, and ``sigma_y``; the ``angle`` of that axis in degrees from +x towards +y
        (-45 to 45); ``amplitude`` above the ``background`` (negative for dark atoms), each with
        ``_std``; ``residual_rms`` of the values about the fit, and ``status``: 3 (at bound)
        where an atom left its surroundings or became too wide, 4 (no data) with NaN for
        positions outside of the image.

    Raises
    ------
    DataError
        The image is no uniform grid of at least 8 pixels, positions are no table or in other
        units, or an option is unknown.

    Notes
    -----
    Each atom is fitted to the pixels within 2.75 widths by least squares, weighted by the noise
    that second differences of the image show, or by the most likely mean of counts [1]_, given
    what the others add there; those whose neighbours have changed are fitted again until nothing
    changes, which is the fit of all together. Deviations contain those of overlapping
    neighbours. The cost goes with the number of atoms.

    References
    ----------
    .. [1] A. De Backer et al., *Ultramicroscopy* 171, 104 (2016).

    Examples
    --------
    >>> import omniscopy as om
    >>> image = om.samples.atom_image()
    >>> refined = om.atoms.refine_atoms(image, om.atoms.find_atoms(image))
    >>> round(float(refined["sigma_x"].median()), 3), refined["sigma_x"].attrs["units"]
    (0.06, 'nm')
    """
    grid = grid_of(image, dims)
    factor = factor_to(positions, grid)
    require_choice("model", model, get_args(Shape))
    require_choice("likelihood", likelihood, LIKELIHOODS)
    require_choice("widths", widths, get_args(Widths))
    require_length("width", width)
    if max_steps < 1:
        message = f"max_steps must be at least 1, got {max_steps!r}"
        raise DataError(message)
    # In pixels: what is found depends on no units.
    settings = Settings(grid.aspect, model, joint, likelihood, widths, max_steps)
    work = _Refinement(grid, factor, width, settings)
    count = positions.sizes[ATOM]
    made = map_signal(
        work.run, image, dim=grid.dims, also=[positions["y"], positions["x"]], whole=[ATOM],
        output_dims=[{ATOM: count}] * (len(_COLUMNS) + 1),
        dtypes=[np.float64] * len(_COLUMNS) + [np.uint8],
    )  # fmt: skip
    columns = dict(zip((*_COLUMNS, "status"), made, strict=True))
    values = image.attrs.get("units")
    kinds = {
        "y": grid.units, "x": grid.units, "sigma_y": grid.units, "sigma_x": grid.units,
        "angle": "deg", "amplitude": values, "background": values,
    }  # fmt: skip
    units = {**kinds, **{f"{name}_std": each for name, each in kinds.items()}}
    units["residual_rms"] = values
    found = result(None, **{name: (each, units.get(name, "1")) for name, each in columns.items()})
    return with_coordinates(found, positions)


@dataclass(frozen=True)
class _Refinement:
    """What is done with a block of images and their tables of positions."""

    grid: Grid
    factor: float
    width: float | None
    settings: Settings

    def run(self, block: np.ndarray, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the columns and the status of every table."""
        outer = np.broadcast_shapes(block.shape[:-2], y.shape[:-1])
        images = np.broadcast_to(block, (*outer, *block.shape[-2:]))
        places = np.broadcast_to(np.stack([y, x], axis=-1), (*outer, y.shape[-1], 2))
        columns = np.full((len(_COLUMNS), *outer, y.shape[-1]), np.nan)
        status = np.full((*outer, y.shape[-1]), int(Status.NO_DATA), np.uint8)
        for each in np.ndindex(*outer):
            image = np.asarray(images[each], np.float64)
            own = np.asarray(places[each], np.float64) * self.factor
            rows = np.stack([self.grid.rows(own[:, axis], axis) for axis in (0, 1)], axis=1)
            ends = np.array(image.shape) - 0.5
            inside = np.flatnonzero(((rows > -0.5) & (rows < ends)).all(axis=1))
            if not len(inside) or not np.isfinite(image).any():
                continue
            at = rows[inside] * self.settings.steps
            fitted = self.weighed_anew(image, at, self.fitted(image, at))
            target = (slice(None), *each, inside)
            columns[target] = self.columns(fitted)
            status[(*each, inside)] = fitted.status
        return (*columns, status)

    def fitted(self, image: np.ndarray, places: np.ndarray) -> Fitted:
        """Return what is fitted to one image.

        The mean of what is found in noise is as narrow as its maxima, but its autocorrelation is
        not: faint atoms begin with that, and again with the width that fits all of them.
        """
        width = self.width_of(image, places)
        beginning = begun(image, places, width, self.settings)
        if not beginning.alike or self.width is not None:
            return finished(beginning)
        wide = _correlated_width(image, self.grid.aspect)
        if wide > width:
            width, beginning = wide, begun(image, places, wide, self.settings)
        found = finished(beginning)
        yy, yx, xx = np.median(found.parameters[:, 3:6], axis=0)
        own = float(max(yy * xx - yx**2, 0.0)) ** 0.25
        if not 1.0 / _OTHER < own * width < _OTHER and own > 0.0:
            found = finished(begun(image, places, 1.0 / own, self.settings))
        return found

    def weighed_anew(self, image: np.ndarray, places: np.ndarray, found: Fitted) -> Fitted:
        """Return the fit with the noise of atoms as long as they are, if they are not round."""
        form = found.parameters[:, 3:6]
        yy, yx, xx = np.median(form, axis=0)
        middle, apart = 0.5 * (yy + xx), np.hypot(0.5 * (yy - xx), yx)
        long = middle + apart > _LONG**2 * (middle - apart)
        if self.settings.likelihood == "poisson" or not long or not middle > apart:
            return found
        width = float(middle**2 - apart**2) ** -0.25
        return finished(begun(image, places, width, self.settings, found.parameters))

    def width_of(self, image: np.ndarray, places: np.ndarray) -> float:
        """Return the width to start from, in pixels."""
        aspect = self.grid.aspect
        if self.width is not None:
            return self.width / self.grid.unit
        found = width_at(image, places, aspect)
        if not np.isfinite(found):
            found = _correlated_width(image, aspect)
        if not np.isfinite(found):
            found = 2.0 * max(aspect)
        return max(found, 0.6 * max(aspect))

    def columns(self, fitted: Fitted) -> np.ndarray:
        """Return the columns of the table, in the units of the image."""
        values, covariance = fitted.parameters, fitted.covariance
        grid = self.grid
        y, x = (grid.places(values[:, 1 + axis] / grid.aspect[axis], axis) for axis in (0, 1))
        turned = np.sign(grid.step[0] * grid.step[1])
        sigma_y, sigma_x, angle, (std_y, std_x, std_angle) = ellipse_of(
            values[:, 3:6], covariance[:, 3:6, 3:6]
        )
        variance = np.diagonal(covariance, axis1=1, axis2=2)
        std = np.sqrt(np.where(variance >= 0, variance, np.nan))
        sigma_y, sigma_x, std_y, std_x = (
            grid.unit * each for each in (sigma_y, sigma_x, std_y, std_x)
        )
        place_std = grid.unit * std[:, 1:3].T
        return np.stack([
            y, x, sigma_y, sigma_x, turned * angle, values[:, 0], values[:, 6],
            *place_std, std_y, std_x, std_angle, std[:, 0], std[:, 6],
            fitted.residual_rms,
        ])  # fmt: skip


def _correlated_width(image: np.ndarray, aspect: tuple[float, float]) -> float:
    """Return the width that the autocorrelation of an image shows, NaN where it shows none."""
    level = float(np.median(image[np.isfinite(image)]))
    return scales_of(image - level, aspect).width


def ellipse_of(
    form: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return widths and angle (degrees) of Gaussians of a form (yy, yx, xx), and their deviations.

    Deviations of angles that are not determined, as of round atoms, are NaN.
    """
    yy, yx, xx = form.T
    turn = 0.5 * np.arctan(2.0 * yx / np.where(xx == yy, np.inf, xx - yy))
    c, s = np.cos(turn), np.sin(turn)
    made, deviations = [], []
    for row in (np.stack([c * c, -2 * s * c, s * s], 1), np.stack([s * s, 2 * s * c, c * c], 1)):
        eigenvalue = np.einsum("np,np->n", row, form)
        spread = np.einsum("np,npq,nq->n", row, covariance, row)
        with np.errstate(invalid="ignore", divide="ignore"):
            made.append(eigenvalue**-0.5)
            deviations.append(0.5 * np.sqrt(spread) * eigenvalue**-1.5)
    apart = xx - yy
    squared = apart**2 + 4.0 * yx**2
    row = np.stack([yx, apart, -yx], axis=1) / np.where(squared > 0, squared, np.nan)[:, None]
    with np.errstate(invalid="ignore"):
        spread = np.degrees(np.sqrt(np.einsum("np,npq,nq->n", row, covariance, row)))
    deviations.append(np.where(spread < 45.0, spread, np.nan))
    return made[0], made[1], np.degrees(turn), deviations
