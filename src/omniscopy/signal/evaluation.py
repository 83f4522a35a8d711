"""Models drawn from the parameters that were fitted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from omniscopy.compute import map_signal
from omniscopy.model import (
    DataError,
    conversion_factor,
    is_unit,
    labelled,
    operation,
    require_array,
    units_of,
)
from omniscopy.signal.components import Component, Sum, components_of
from omniscopy.signal.fitting import EXAMPLE, MODEL_AXES
from omniscopy.signal.layout import Layout, lay_out
from omniscopy.signal.noise import spectral_dim
from omniscopy.signal.preparation import image_dims


@operation(example={"model": EXAMPLE, "ds": "line_fit", "coord": "spectrum_image"})
def evaluate_model(
    model: Component | Sum,
    ds: xr.Dataset,
    coord: xr.DataArray,
    *,
    components: str | Sequence[str] | None = None,
) -> xr.DataArray:
    r"""Evaluate a model, or some components of it, with the parameters of every pixel.

    Parameters
    ----------
    model : component or sum of components
        The one that was fitted.
    ds : Dataset
        What `fit_model` returned; lazy or in memory.
    coord : DataArray
        Data, or a coordinate, with the dimensions of the model: the model is evaluated at their
        coordinates, which need not be those that were fitted.
    components : str or sequence of str
        Names of the only components that are evaluated, such as `"gaussian"`; all otherwise.

    Returns
    -------
    DataArray, shape (..., dimensions of the model), units of the data
        NaN where the fit has no parameters.

    Raises
    ------
    DataError
        `ds` does not hold the parameters of the model, or `coord` not its dimensions; a component
        is unknown.

    Notes
    -----
    :math:`f(x) = \sum_c f_c(x; p)` over the components c.

    Examples
    --------
    >>> import omniscopy as om
    >>> from omniscopy.signal import Exponential, Gaussian, evaluate_model
    >>> spectra, found = om.samples.spectrum_image(), om.samples.line_fit()
    >>> line = evaluate_model(Gaussian() + Exponential(), found, spectra, components="gaussian")
    >>> line.dims
    ('y', 'x', 'energy_loss')
    """
    layout = lay_out(model)
    missing = [name for name in layout.names if name not in ds]
    if missing:
        message = f"ds does not hold {missing} of the model; it holds {sorted(map(str, ds))}"
        raise DataError(message)
    dims = _dims(layout, ds, coord)
    axes = [_converted(ds, coord, dim) for dim in dims]
    mesh = [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]
    for each in layout.components:
        each.require_axes(mesh)
    drawing = _Drawing(
        layout, layout.columns(mesh), tuple(len(axis) for axis in axes), _used(model, components)
    )
    first, *others = [ds[name].drop_attrs(deep=False) for name in layout.names]
    sizes = {dim: len(axis) for dim, axis in zip(dims, axes, strict=True)}
    kind = np.complex128 if layout.is_complex else np.float64
    (values,) = map_signal(
        drawing.run, first, dim=[], also=others, output_dims=[sizes], dtypes=[kind]
    )
    values = values.assign_coords({dim: coord.coords[dim] for dim in dims})
    units = ds.attrs.get(MODEL_AXES, {}).get("values")
    return labelled(values, units=units, long_name="model")


@operation(example={"data": "spectrum_image", "model": EXAMPLE, "ds": "line_fit"})
def subtract_model(
    data: xr.DataArray,
    model: Component | Sum,
    ds: xr.Dataset,
    *,
    components: str | Sequence[str] | None = None,
) -> xr.DataArray:
    r"""Subtract a fitted model, or some components of it, such as a background.

    Parameters
    ----------
    data : DataArray, shape (..., dimensions of the model)
        What was fitted, or other data along the same dimensions; lazy or in memory.
    model : component or sum of components
        The one that was fitted.
    ds : Dataset
        What `fit_model` returned.
    components : str or sequence of str
        Names of the only components that are subtracted, such as `"power_law"`; all otherwise,
        which leaves the residuals.

    Returns
    -------
    DataArray, shape (..., dimensions of the model), units of the data
        NaN where the fit has no parameters.

    Raises
    ------
    DataError
        `ds` does not hold the parameters of the model, or is of other pixels; `data` has not the
        dimensions of the model, or its units measure another thing than those that were fitted.

    Notes
    -----
    :math:`y - \sum_c f_c(x; p)` over the components c.

    Examples
    --------
    >>> import omniscopy as om
    >>> from omniscopy.signal import Exponential, Gaussian, subtract_model
    >>> spectra, found = om.samples.spectrum_image(), om.samples.line_fit()
    >>> line = subtract_model(spectra, Gaussian() + Exponential(), found, components="exponential")
    >>> line.attrs["units"]
    'counts'
    """
    require_array(data)
    drawn = _on_pixels_of(data, evaluate_model(model, ds, data, components=components))
    fitted, units = drawn.attrs.get("units"), data.attrs.get("units")
    factor = 1.0
    if fitted != units and is_unit(fitted) and is_unit(units):
        factor = conversion_factor(str(fitted), str(units))
    left = (data - factor * drawn).transpose(*data.dims)
    return labelled(left, units=units, long_name="residual")


def _on_pixels_of(data: xr.DataArray, drawn: xr.DataArray) -> xr.DataArray:
    """Return a drawn model with the coordinates of the data, if these are of the same pixels."""
    made = drawn
    for dim in map(str, drawn.dims):
        same = drawn.sizes[dim] == data.sizes.get(dim)
        if same and dim in drawn.coords and dim in data.coords:
            here, there = drawn.coords[dim], data.coords[dim]
            found, wanted = units_of(drawn, dim), units_of(data, dim)
            if found != wanted and is_unit(found) and is_unit(wanted):
                here = here * conversion_factor(str(found), str(wanted))
            numbers = here.dtype.kind in "iuf" and there.dtype.kind in "iuf"
            same = np.allclose(here, there) if numbers else np.array_equal(here, there)
            made = made.assign_coords({dim: there})
        if not same:
            message = f"ds is of other pixels than the data along {dim!r}"
            raise DataError(message)
    return made


@dataclass(frozen=True)
class _Drawing:
    """How a block of pixels is evaluated; `used` are the parameters whose terms are added up."""

    layout: Layout
    columns: np.ndarray
    shape: tuple[int, ...]
    used: frozenset[int]

    def run(self, *parameters: np.ndarray) -> np.ndarray:
        """Return the model for parameters of the same shape each."""
        values = np.stack(np.broadcast_arrays(*parameters), axis=-1)
        number, total = 0, np.zeros((*values.shape[:-1], self.columns.shape[1]))
        for term in self.layout.problem().terms:
            own = values[..., number : number + term.formula.parameters]
            if number in self.used:
                rows = [self.columns[row] for row in term.columns]
                total = total + term.formula.evaluate(rows, term.constants, own)[0]
            number += term.formula.parameters
        return np.asarray(total.reshape(*values.shape[:-1], *self.shape))


def _dims(layout: Layout, ds: xr.Dataset, coord: xr.DataArray) -> list[str]:
    require_array(coord)
    known = [dim for dim in ds.attrs.get(MODEL_AXES, {}).get("dims", {}) if dim in coord.dims]
    if len(known) == layout.ndim:
        return known
    return (
        [spectral_dim(coord, None, at_least=0)] if layout.ndim == 1 else [*image_dims(coord, None)]
    )


def _converted(ds: xr.Dataset, coord: xr.DataArray, dim: str) -> np.ndarray:
    """Return a coordinate in the units of the one that was fitted."""
    if dim not in coord.coords:
        message = f"dimension {dim!r} has no coordinate; assign one"
        raise DataError(message)
    values = np.asarray(coord.coords[dim].values, dtype=np.float64)
    found, wanted = units_of(coord, dim), ds.attrs.get(MODEL_AXES, {}).get("dims", {}).get(dim)
    if found == wanted or not (is_unit(found) and is_unit(wanted)):
        return values
    return values * conversion_factor(str(found), str(wanted))


def _used(model: Component | Sum, components: str | Sequence[str] | None) -> frozenset[int]:
    """Return the numbers of the parameters of some components."""
    names = Sum(components_of(model)).names
    wanted = [components] if isinstance(components, str) else components
    if wanted is not None and not (wanted and set(wanted) <= set(names)):
        message = f"components must be some of {names}, got {components!r}"
        raise DataError(message)
    first, used = 0, set[int]()
    for name, component in zip(names, components_of(model), strict=True):
        own = range(first, first + len(component.infos))
        first += len(own)
        if wanted is None or name in wanted:
            used.update(own)
    return frozenset(used)
