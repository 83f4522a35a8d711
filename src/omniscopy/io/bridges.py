"""Data of other packages as labelled data, and back; none of them is needed to come from it."""

from collections.abc import Mapping
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from omniscopy.io.hspy.conventions import axis_names, axis_of, common_metadata, nested
from omniscopy.io.libraries import import_library
from omniscopy.io.names import slug
from omniscopy.io.nsid.axes import KINDS
from omniscopy.io.records import Axis, Channel
from omniscopy.io.tree import channel_attrs, coordinate
from omniscopy.model.dimensions import dims_of_role, kind_of_dim
from omniscopy.model.errors import DataError
from omniscopy.model.units import spell
from omniscopy.model.vocabulary import SIGNAL_TYPES

# Arrays of atoms that have a column of their own in ASE.
_ATOMS = ("numbers", "positions")


def from_hyperspy(signal: Any) -> xr.DataArray:
    """Return a signal of HyperSpy as labelled data.

    Parameters
    ----------
    signal : hyperspy BaseSignal
        In memory or lazy; its data are not copied.

    Returns
    -------
    DataArray
        Navigation dimensions first, as in the signal's array; units as they are.
    """
    manager = signal.axes_manager
    axes = sorted([*manager.navigation_axes, *manager.signal_axes], key=lambda a: a.index_in_array)
    said = _as_dict(signal.metadata)
    title = str(nested(said, "General.title") or "signal")
    quantity, _, units = str(nested(said, "Signal.quantity") or "").partition("(")
    signal_type = str(nested(said, "Signal.signal_type") or "")
    names = axis_names(axes, signal_type)
    made = [axis_of(axis, name) for axis, name in zip(axes, names, strict=True)]
    channel = Channel(
        title=title,
        data=None,
        axes=made,
        quantity=quantity.strip().lower() or None,
        units=spell(units.rstrip(") ")) or None,
        modality=signal_type.partition("_")[0] or None,
        metadata=common_metadata(said),
        original_metadata=_as_dict(getattr(signal, "original_metadata", {})),
    )
    return _labelled(signal.data, channel)


def to_hyperspy(data: xr.DataArray) -> Any:
    """Return labelled data as a signal of HyperSpy.

    Parameters
    ----------
    data : DataArray
        Its signal dimensions (the last two spatial ones where it has none) become the signal
        axes, all others the navigation axes. Lazy data stay lazy.

    Returns
    -------
    hyperspy BaseSignal
        A `Signal1D`, `Signal2D` or `BaseSignal`.

    Raises
    ------
    MissingDependencyError
        HyperSpy is not installed.
    """
    hs = _imported("hyperspy.api")
    inner = [str(dim) for dim in dims_of_role(data, "signal")]
    inner = (
        inner or [str(dim) for dim in data.dims if kind_of_dim(data, str(dim)) == "spatial"][-2:]
    )
    inner = inner or [str(data.dims[-1])]
    data = data.transpose(..., *inner)
    kind = {1: hs.signals.Signal1D, 2: hs.signals.Signal2D}.get(len(inner), hs.signals.BaseSignal)
    quantity, units = data.attrs.get("quantity"), data.attrs.get("units")
    described = f"{quantity or 'Intensity'} ({units})" if units else quantity or ""
    signal = kind(
        data.data,
        axes=[_axis_for_hyperspy(data, str(dim), navigate=dim not in inner) for dim in data.dims],
        metadata={
            "General": {"title": str(data.attrs.get("long_name") or data.name or "")},
            "Signal": {"quantity": described},
        },
        original_metadata=dict(data.attrs.get("original_metadata", {})),
    )
    return signal.as_lazy() if data.chunks is not None else signal


def from_sidpy(dataset: Any) -> xr.DataArray | xr.Dataset:
    """Return a dataset of sidpy as labelled data.

    Parameters
    ----------
    dataset : sidpy.Dataset
        Its blocks stay lazy.

    Returns
    -------
    DataArray or Dataset
        A Dataset with the variables `signal` and `variance` where the dataset has a variance.
    """
    axes = [
        _sidpy_axis(getattr(dataset, f"dim_{number}"), number) for number in range(dataset.ndim)
    ]
    axes = [_renamed(axis, name) for axis, name in zip(axes, _unique(axes), strict=True)]
    kind = str(getattr(dataset.data_type, "name", dataset.data_type)).lower()
    channel = Channel(
        title=str(dataset.title or "signal"),
        data=None,
        axes=axes,
        quantity=_said(dataset.quantity),
        units=_spelled(dataset.units),
        signal_type=kind if kind in SIGNAL_TYPES else None,
        modality=_said(dataset.modality),
        source=_said(dataset.source),
        metadata=dict(dataset.metadata or {}),
        original_metadata=dict(dataset.original_metadata or {}),
    )
    data = _labelled(_plain_blocks(dataset), channel)
    variance = getattr(dataset, "variance", None)
    if variance is None:
        return data
    spread = xr.Variable(data.dims, _plain_blocks(variance))
    return data.rename("signal").to_dataset().assign(variance=spread)


def to_sidpy(data: xr.DataArray) -> Any:
    """Return labelled data as a dataset of sidpy.

    Parameters
    ----------
    data : DataArray
        In memory or lazy.

    Returns
    -------
    sidpy.Dataset
        With a dimension of known type for each of `data`.

    Raises
    ------
    MissingDependencyError
        sidpy is not installed.
    """
    sidpy = _imported("sidpy")
    kinds = {ours: theirs for theirs, ours in reversed(KINDS.items())}
    made = sidpy.Dataset.from_array(
        data.data,
        title=str(data.attrs.get("long_name") or data.name or "signal"),
        units=data.attrs.get("units", "generic"),
        quantity=data.attrs.get("quantity", "generic"),
        modality=data.attrs.get("modality", "generic"),
        source=data.attrs.get("source", "generic"),
    )
    made.data_type = str(data.attrs.get("signal_type", "unknown")).upper()
    for number, dim in enumerate(data.dims):
        values, attrs = _coordinate(data, dim)
        axis = sidpy.Dimension(
            values,
            name=str(dim),
            quantity=attrs.get("quantity", "generic"),
            units=attrs.get("units", "generic"),
            dimension_type=kinds.get(kind_of_dim(data, str(dim)) or "", "UNKNOWN"),
        )
        made.set_dimension(number, axis)
    made.metadata = dict(data.attrs.get("metadata", {}))
    made.original_metadata = dict(data.attrs.get("original_metadata", {}))
    return made


def from_ase(atoms: Any) -> xr.Dataset:
    """Return a structure of ASE as labelled data.

    Parameters
    ----------
    atoms : ase.Atoms
        Its atoms keep their order. Calculators and constraints are left out.

    Returns
    -------
    Dataset, dimensions atom, axis and vector
        `positions` and `cell` in Å, `numbers`, `pbc`, and every further array of the atoms;
        `attrs["info"]` is the information of the structure.
    """
    arrays = {name: np.asarray(values) for name, values in atoms.arrays.items()}
    units = {"positions": "Å", "initial_charges": "electrons"}
    variables = {
        name: (_atom_dims(name, values), values, {"units": units[name]} if name in units else {})
        for name, values in arrays.items()
    }
    coords = {
        "atom": coordinate(Axis(name="atom", size=len(atoms), values=np.arange(len(atoms)))),
        "axis": coordinate(Axis(name="axis", size=3, kind="parameter", values=_letters("xyz"))),
        "vector": coordinate(Axis(name="vector", size=3, kind="parameter", values=_letters("abc"))),
    }
    cell = (("vector", "axis"), np.array(atoms.cell), {"units": "Å", "quantity": "length"})
    pbc = ("vector", np.array(atoms.pbc, dtype=bool))
    variables["numbers"][2]["quantity"] = "atomic number"
    variables["positions"][2]["quantity"] = "length"
    attrs = {"long_name": str(atoms.symbols), "info": dict(atoms.info)}
    return xr.Dataset({**variables, "cell": cell, "pbc": pbc}, coords=coords, attrs=attrs)


def to_ase(structure: xr.Dataset) -> Any:
    """Return a structure as that of ASE.

    Parameters
    ----------
    structure : Dataset, dimension atom
        With `numbers`, and `positions` (Å) or `scaled_positions` in the cell; as `from_ase`
        makes it, or as it was read from a file.

    Returns
    -------
    ase.Atoms
        The atoms in the order that they have.

    Raises
    ------
    DataError
        A variable is missing, or lengths are not in Å.
    MissingDependencyError
        ASE is not installed.
    """
    ase = _imported("ase")
    _require_structure(structure)
    own = {name: structure[name].values for name in structure.data_vars}
    along = "positions" if "positions" in own else "scaled_positions"
    atoms = ase.Atoms(
        numbers=own["numbers"],
        cell=own.get("cell"),
        pbc=own.get("pbc", "cell" in own),
        info=dict(structure.attrs.get("info", {})),
        **{along: structure[along].transpose("atom", ...).values},
    )
    for name, values in own.items():
        if name not in {*_ATOMS, along} and structure[name].dims[:1] == ("atom",):
            atoms.set_array(str(name), values)
    return atoms


def _imported(name: str) -> Any:
    """Return the module of another package, or say what brings it."""
    package = name.partition(".")[0]
    return import_library(name, purpose=f"handing data to {package}")


def _require_structure(structure: xr.Dataset) -> None:
    if "numbers" not in structure or not {"positions", "scaled_positions"} & set(structure):
        message = (
            "a structure needs the variables 'numbers' and 'positions' or 'scaled_positions' "
            f"along 'atom', got {sorted(map(str, structure.data_vars))}"
        )
        raise DataError(message)
    for name in {"positions", "cell"} & set(structure):
        units = structure[name].attrs.get("units", "Å")
        if spell(units) != "Å":
            message = f"{name!r} must be in Å, got {units!r}; use `convert_units`"
            raise DataError(message)


def _labelled(values: Any, channel: Channel) -> xr.DataArray:
    coords = {axis.name: coordinate(axis) for axis in channel.axes}
    dims = [axis.name for axis in channel.axes]
    attrs = channel_attrs(channel)
    return xr.DataArray(values, dims=dims, coords=coords, attrs=attrs, name=slug(channel.title))


def _axis_for_hyperspy(data: xr.DataArray, dim: str, *, navigate: bool) -> dict[str, Any]:
    values, attrs = _coordinate(data, dim)
    said = {"name": dim, "units": attrs.get("units"), "navigate": navigate}
    if values.dtype.kind not in "iuf" or values.size < 2:
        first = float(values[0]) if values.dtype.kind in "iuf" and values.size else 0.0
        return {**said, "size": values.size, "scale": 1.0, "offset": first}
    step = (float(values[-1]) - float(values[0])) / (values.size - 1)
    even = float(values[0]) + step * np.arange(values.size)
    if step and np.allclose(values, even, rtol=0, atol=1e-6 * abs(step)):
        return {**said, "size": values.size, "scale": step, "offset": float(values[0])}
    return {**said, "axis": values}


def _coordinate(data: xr.DataArray, dim: Any) -> tuple[np.ndarray, dict[str, Any]]:
    if dim not in data.coords:
        return np.arange(data.sizes[dim], dtype=np.float64), {}
    return np.asarray(data.coords[dim].values), dict(data.coords[dim].attrs)


def _sidpy_axis(dimension: Any, number: int) -> Axis:
    said = _said(getattr(dimension, "name", None))
    kind = str(getattr(dimension.dimension_type, "name", dimension.dimension_type)).upper()
    values = np.asarray(dimension.values)
    return Axis(
        name=said if said and said != "none" else f"dim_{number}",
        size=values.size,
        values=values,
        units=_spelled(dimension.units),
        quantity=_said(dimension.quantity),
        kind=KINDS.get(kind),
    )


def _unique(axes: list[Axis]) -> list[str]:
    names: list[str] = []
    for axis in axes:
        stem = name = slug(axis.name)
        number = 1
        while name in names:
            name, number = f"{stem}_{number}", number + 1
        names.append(name)
    return names


def _renamed(axis: Axis, name: str) -> Axis:
    return Axis(**{**vars(axis), "name": name})


def _plain_blocks(dataset: Any) -> Any:
    """Return the values without the class that carries them: sidpy's is a dask array."""
    if hasattr(dataset, "dask") and hasattr(dataset, "chunks"):
        graph, name, chunks = dataset.dask, dataset.name, dataset.chunks
        return da.Array(graph, name, chunks, dtype=dataset.dtype)  # type: ignore[no-untyped-call]
    return np.asarray(dataset)


def _said(value: Any) -> str | None:
    """Return a text, `None` where sidpy's says that it is unknown."""
    text = str(value).strip() if value is not None else ""
    return text if text and text.lower() not in ("generic", "unknown") else None


def _spelled(units: Any) -> str | None:
    said = _said(units)
    return spell(said) if said else None


def _as_dict(browser: Any) -> dict[str, Any]:
    if isinstance(browser, Mapping):
        return dict(browser)
    return dict(browser.as_dictionary())


def _atom_dims(name: str, values: np.ndarray) -> tuple[str, ...]:
    if values.ndim == 2 and values.shape[1] == 3:
        return ("atom", "axis")
    return ("atom", *(f"{name}_{number}" for number in range(1, values.ndim)))


def _letters(text: str) -> np.ndarray:
    return np.array(list(text))
