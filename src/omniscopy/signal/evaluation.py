"""Models drawn from the parameters that were fitted."""

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
    model: Component | Sum, ds: xr.Dataset, coord: xr.DataArray, *, component: str | None = None
) -> xr.DataArray:
    """Evaluate a model, or one component of it, with the parameters of every pixel.

    Parameters
    ----------
    model : component or sum of components
        The one that was fitted.
    ds : Dataset
        What `fit_model` returned; lazy or in memory.
    coord : DataArray
        Data, or a coordinate, with the dimensions of the model: the model is evaluated at their
        coordinates, which need not be those that were fitted.
    component : str
        Name of the only component that is evaluated, such as `"gaussian"`; all otherwise.

    Returns
    -------
    DataArray, shape (..., dimensions of the model), units of the data
        NaN where the fit has no parameters.

    Raises
    ------
    DataError
        `ds` does not hold the parameters of the model, or `coord` not its dimensions.
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
        layout, layout.columns(mesh), tuple(len(axis) for axis in axes), _part(model, component)
    )
    first, *others = [ds[name].drop_attrs(deep=False) for name in layout.names]
    sizes = {dim: len(axis) for dim, axis in zip(dims, axes, strict=True)}
    (values,) = map_signal(drawing.run, first, dim=[], also=others, output_dims=[sizes])
    values = values.assign_coords({dim: coord.coords[dim] for dim in dims})
    units = ds.attrs.get(MODEL_AXES, {}).get("values")
    return labelled(values, units=units, long_name="model")


@dataclass(frozen=True)
class _Drawing:
    """How a block of pixels is evaluated; `part` are the parameters that are used."""

    layout: Layout
    columns: np.ndarray
    shape: tuple[int, ...]
    part: slice

    def run(self, *parameters: np.ndarray) -> np.ndarray:
        """Return the model for parameters of the same shape each."""
        values = np.stack(np.broadcast_arrays(*parameters), axis=-1)
        number, total = 0, np.zeros((*values.shape[:-1], self.columns.shape[1]))
        for term in self.layout.problem().terms:
            own = values[..., number : number + term.formula.parameters]
            if self.part.start <= number < self.part.stop:
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


def _part(model: Component | Sum, component: str | None) -> slice:
    """Return which parameters belong to a component."""
    names = Sum(components_of(model)).names
    counts = [len(each.infos) for each in components_of(model)]
    if component is None:
        return slice(0, sum(counts))
    if component not in names:
        message = f"component must be one of {names}, got {component!r}"
        raise DataError(message)
    number = names.index(component)
    return slice(sum(counts[:number]), sum(counts[: number + 1]))
