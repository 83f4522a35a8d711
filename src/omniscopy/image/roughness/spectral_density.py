"""Power spectral densities of surfaces, normalised to the mean square of their heights."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.image.fourier.tapers import (
    Detrend,
    Window,
    flattened,
    reciprocal_coordinates,
    window_of,
)
from omniscopy.image.fourier.tapers import require_choice as require_window
from omniscopy.image.roughness.bearing import detrended
from omniscopy.image.topography import Masking, require_image, steps_of, used_points
from omniscopy.model import (
    coordinate,
    kind_of_dim,
    labelled,
    operation,
    require_choice,
    require_uniform,
    signal_type_of,
    units_of,
)
from omniscopy.model.units import product, reciprocal

Along = Literal["plane", "radial", "rows", "columns"]


@operation(example={"image": "surface"})
def power_spectral_density(
    image: xr.DataArray,
    *,
    along: Along = "plane",
    window: Window = "hann",
    detrend: Detrend = "mean",
    mask: xr.DataArray | None = None,
    masking: Masking = "exclude",
    dims: tuple[str, str] | None = None,
) -> xr.DataArray:
    r"""Calculate the power spectral density of the heights of every image (PSD).

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid. Values that are not finite have no weight.
    along : {"plane", "radial", "rows", "columns"}
        Over both frequencies; over their magnitude, integrated over directions; over those
        along x, averaged over rows; or along y, averaged over columns.
    window : {"hann", "hamming", "blackman", "none"}
        Falls off to the edges (along rows or columns: to their ends), so that a surface that
        ends elsewhere than it begins does not seem to have steps.
    detrend : {"mean", "plane", "none"}
        What is subtracted before: the mean or the plane that fits best.
    mask : DataArray of bool, shape (y, x) or (..., y, x)
        Points that are left out, or the only ones that count (`masking`).
    masking : {"exclude", "include"}
        What the mask marks.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    DataArray, shape (..., ky, kx), (..., k), (..., kx) or (..., ky), float64
        In units of heights squared times those of the steps, over spatial frequencies in
        periods per unit (1/nm, without 2 pi). Its integral over its coordinates is the square
        of the ``sq`` of `measure_roughness` with the same detrending. Over one frequency it is
        one-sided.
        NaN where no point of an image counts.

    Raises
    ------
    DataError
        A step is not uniform, y and x are not in units that convert ("radial"), or the mask
        does not fit.

    Notes
    -----
    .. math::
        P(k) = N \left|\sum w\,(z - \bar z_w)\, e^{-2 \pi i k r}\right|^2, \qquad
        \int P(k)\, dk = S_q^2

    with the mean :math:`\bar z_w` under the window. The normalisation N is that of each image,
    so that no window changes the integral; with sums over the frequencies in the plane, and by
    the trapezoidal rule over one frequency. "radial" is :math:`\int P\, k\, d\varphi`, in which
    each frequency of the plane counts for the two nearest ones of k, more for the nearer one:
    divided by :math:`2 \pi k` it is the mean of the density in the plane over directions. It
    reaches into the corners of the plane.

    References
    ----------
    .. [1] T. D. B. Jacobs, T. Junge and L. Pastewka, *Surf. Topogr.: Metrol. Prop.* 5, 013001
       (2017).

    Examples
    --------
    >>> import omniscopy as om
    >>> surface = om.samples.surface()
    >>> density = om.image.power_spectral_density(surface, along="radial")
    >>> round(float(density.integrate("k") / surface.var()), 6), density.attrs["units"]
    (1.0, 'nm^3')
    """
    dims = require_image(image, dims)
    require_choice("along", along, get_args(Along))
    require_window(window=window, detrend=detrend)
    used = used_points(image, mask, masking, dims)
    across = _frequencies(image, dims, along)
    spectrum = _Spectrum(
        along, window, detrend, steps_of(image, dims) if along == "radial" else (1.0, 1.0),
        tuple(_step_of(each.values) for each in across.values()),
    )  # fmt: skip
    sizes = {name: variable.size for name, variable in across.items()}
    (power,) = map_signal(
        spectrum.run, image, dim=dims, output_dims=[sizes], also=[] if used is None else [used],
        parameters={"count": next(iter(sizes.values()))},
    )  # fmt: skip
    power = power.assign_coords(across)
    base = {
        "plane": [units_of(image, dim) for dim in dims],
        "radial": [units_of(image, dims[0])],
        "rows": [units_of(image, dims[1])],
        "columns": [units_of(image, dims[0])],
    }[along]
    units = product((image.attrs.get("units"), 2), *((each, 1) for each in base))
    attrs = {}
    if along == "plane":
        attrs["signal_type"] = signal_type_of([kind_of_dim(power, dim) for dim in power.dims])
    return labelled(
        power, units=units, long_name="Power spectral density", quantity="power spectral density",
        **attrs,
    )  # fmt: skip


def _frequencies(
    image: xr.DataArray, dims: tuple[str, str], along: Along
) -> dict[str, xr.Variable]:
    """Return the coordinates of the spectrum."""
    steps = [require_uniform(image, dim) for dim in dims]
    if along == "plane":
        return reciprocal_coordinates(image, dims, steps)
    if along == "radial":
        same = steps_of(image, dims)
        widths = [1.0 / (image.sizes[dim] * step) for dim, step in zip(dims, same, strict=True)]
        corner = np.hypot(0.5 / same[0], 0.5 / same[1])
        values = min(widths) * np.arange(int(corner / min(widths)) + 2)
        return {"k": _one_sided("k", values, units_of(image, dims[0]))}
    axis = 1 if along == "rows" else 0
    values = np.fft.rfftfreq(image.sizes[dims[axis]], abs(steps[axis]))
    name = f"k{dims[axis]}"
    return {name: _one_sided(name, values, units_of(image, dims[axis]))}


def _one_sided(name: str, values: np.ndarray, units: str | None) -> xr.Variable:
    return coordinate(
        name, values, reciprocal(units), kind="spectral", quantity="spatial frequency"
    )


def _step_of(values: np.ndarray) -> float:
    return abs(float(values[1] - values[0])) if len(values) > 1 else 1.0


class _Spectrum:
    """How spectra of blocks of images are made, with what it takes."""

    def __init__(
        self,
        along: Along,
        window: Window,
        detrend: Detrend,
        steps: tuple[float, float],
        widths: tuple[float, ...],
    ) -> None:
        self.along, self.window, self.detrend = along, window, detrend
        self.steps, self.widths = steps, widths

    def run(self, block: np.ndarray, *masks: np.ndarray, count: int) -> np.ndarray:
        """Return the spectra of a block of images."""
        made = [self.of(heights, count) for _, heights in detrended(block, masks, self.detrend)]
        shape = made[0].shape if made else (count,)
        return np.array(made).reshape(*block.shape[:-2], *shape)

    def of(self, heights: np.ndarray, count: int) -> np.ndarray:
        """Return the spectrum of one image."""
        there = np.isfinite(heights)
        target = float((heights[there] ** 2).mean()) if there.any() else np.nan
        if self.along in ("rows", "columns"):
            turned = heights if self.along == "rows" else heights.T
            return _scaled(self._rows(turned), target, self._trapezoid)
        plane = self._plane(heights)
        if self.along == "plane":
            return _scaled(plane, target, self._sum)
        return _scaled(self._radial(plane, count), target, self._trapezoid)

    def _plane(self, heights: np.ndarray) -> np.ndarray:
        values, _ = flattened(heights, self.window, self.detrend)
        return np.abs(np.fft.fftshift(np.fft.fft2(values))) ** 2

    def _rows(self, heights: np.ndarray) -> np.ndarray:
        """Return the mean one-sided spectrum of rows, without the mean of the whole image."""
        taper = window_of(self.window, heights.shape)
        # Only along the row: the window of the columns at its top is 1.
        taper = taper[np.argmax(taper.sum(axis=1))]
        weight = np.isfinite(heights) * taper
        values = np.where(np.isfinite(heights), heights, 0.0)
        if self.detrend != "none" and weight.sum() > 0:
            values = values - (weight * values).sum() / weight.sum()
        return (np.abs(np.fft.rfft(weight * values, axis=1)) ** 2).mean(axis=0)

    def _radial(self, plane: np.ndarray, count: int) -> np.ndarray:
        """Return the power in the plane by the magnitude of its frequency."""
        frequencies = [
            np.fft.fftshift(np.fft.fftfreq(size, step))
            for size, step in zip(plane.shape, self.steps, strict=True)
        ]
        place = np.hypot(frequencies[0][:, None], frequencies[1]) / self.widths[0]
        below = np.floor(place + 1e-9).astype(np.int64)
        part = place - below
        made = np.bincount(below.ravel(), ((1.0 - part) * plane).ravel(), minlength=count)
        made += np.bincount((below + 1).ravel(), (part * plane).ravel(), minlength=count)[:count]
        return made

    def _sum(self, power: np.ndarray) -> float:
        return float(power.sum()) * self.widths[0] * self.widths[1]

    def _trapezoid(self, power: np.ndarray) -> float:
        return float(np.trapezoid(power)) * self.widths[0]


def _scaled(
    power: np.ndarray, target: float, integral: Callable[[np.ndarray], float]
) -> np.ndarray:
    """Return a spectrum with the integral that it must have."""
    found = integral(power)
    if not np.isfinite(target) or (found <= 0 < target):
        return np.full(power.shape, np.nan)
    return power * (target / found) if found > 0 else np.zeros(power.shape)
