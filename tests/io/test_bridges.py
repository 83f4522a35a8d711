"""Data of other packages become labelled data and go back."""

import sys
from types import ModuleType, SimpleNamespace

import ase
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from ase.build import bulk

import omniscopy as om
from omniscopy.io.errors import MissingDependencyError
from omniscopy.io.saving import from_tree
from omniscopy.model.errors import DataError


class Tree(dict):
    def as_dictionary(self):
        return dict(self)


# What HyperSpy has for names and units that were not given is no text.
UNDEFINED = object()


def an_axis(number, size, *, navigate, name=UNDEFINED, units=UNDEFINED, scale=1.0, offset=0.0):
    return SimpleNamespace(
        index_in_array=number,
        size=size,
        navigate=navigate,
        name=name,
        units=units,
        scale=scale,
        offset=offset,
        axis=offset + scale * np.arange(size),
    )


def a_signal(data, axes, *, signal_type="", quantity=""):
    """Return a stand-in with the documented attributes; axes are listed from last to first."""
    manager = SimpleNamespace(
        navigation_axes=tuple(axis for axis in axes[::-1] if axis.navigate),
        signal_axes=tuple(axis for axis in axes[::-1] if not axis.navigate),
    )
    metadata = Tree(
        General={"title": "Map of O", "date": "2020-01-02", "time": "03:04:05"},
        Signal={"signal_type": signal_type, "quantity": quantity},
        Acquisition_instrument={"TEM": {"beam_energy": 200, "camera_length": 100.0}},
    )
    return SimpleNamespace(
        data=data, axes_manager=manager, metadata=metadata, original_metadata=Tree(a={"b": 1})
    )


def test_a_spectrum_image_comes_from_hyperspy():
    values = da.ones((3, 4, 5), chunks=2)
    axes = [
        an_axis(0, 3, navigate=True, name="y", units="um", scale=0.5),
        an_axis(1, 4, navigate=True, name="x", units="um", scale=0.25, offset=1.0),
        an_axis(2, 5, navigate=False, name="Energy loss", units="eV", scale=0.1, offset=500.0),
    ]
    data = om.io.from_hyperspy(
        a_signal(values, axes, signal_type="EELS", quantity="Electrons (Counts)")
    )
    assert data.dims == ("y", "x", "energy_loss")
    assert data.data is values
    assert data.name == "Map_of_O"
    assert data.x.values.tolist() == [1.0, 1.25, 1.5, 1.75]
    assert data.x.attrs["units"] == "µm"
    assert data.energy_loss.values[0] == 500.0
    assert data.attrs["signal_type"] == "spectral_image"
    assert data.attrs["quantity"] == "electrons"
    assert data.attrs["units"] == "counts"
    assert data.attrs["modality"] == "EELS"
    assert data.attrs["metadata"]["beam"]["voltage"] == 200_000
    assert data.attrs["metadata"]["detector"]["camera_length"] == pytest.approx(0.1)
    assert data.attrs["metadata"]["started"] == "2020-01-02T03:04:05"
    assert data.attrs["original_metadata"] == {"a": {"b": 1}}


def test_patterns_without_names_come_from_hyperspy():
    axes = [
        an_axis(0, 2, navigate=True),
        an_axis(1, 3, navigate=True),
        an_axis(2, 4, navigate=False, units="$A^{-1}$"),
        an_axis(3, 5, navigate=False, units="1/nm"),
    ]
    axes[2].units = "nm^-1"
    data = om.io.from_hyperspy(a_signal(np.ones((2, 3, 4, 5)), axes))
    assert data.dims == ("y", "x", "ky", "kx")
    assert data.kx.attrs["units"] == "1/nm"
    assert "units" not in data.x.attrs


def test_an_uneven_axis_of_hyperspy_keeps_its_values():
    axis = an_axis(0, 3, navigate=False, name="Wavelength", units="nm")
    del axis.scale, axis.offset
    axis.axis = np.array([400.0, 410.0, 500.0])
    data = om.io.from_hyperspy(a_signal(np.ones(3), [axis]))
    assert data.wavelength.values.tolist() == [400.0, 410.0, 500.0]


@pytest.fixture
def hyperspy(monkeypatch):
    """Put a stand-in for `hyperspy.api` in place that keeps what it is given."""

    class Signal:
        lazy = False

        def __init__(self, data, **given):
            self.data, self.given = data, given

        def as_lazy(self):
            self.lazy = True
            return self

    names = ("BaseSignal", "Signal1D", "Signal2D")
    package, api = ModuleType("hyperspy"), ModuleType("hyperspy.api")
    api.signals = SimpleNamespace(**{name: type(name, (Signal,), {}) for name in names})
    package.api = api
    monkeypatch.setitem(sys.modules, "hyperspy", package)
    monkeypatch.setitem(sys.modules, "hyperspy.api", api)
    return api


def a_map(*, lazy=False):
    coords = {
        "energy_loss": ("energy_loss", [1.0, 2.0, 4.0], {"units": "eV"}),
        "x": ("x", np.arange(4) * 0.5 + 1, {"units": "nm"}),
    }
    values = np.arange(24.0).reshape(3, 2, 4)
    return xr.DataArray(
        da.from_array(values) if lazy else values,
        dims=("energy_loss", "y", "x"),
        coords=coords,
        attrs={"long_name": "Title", "quantity": "intensity", "units": "counts"},
    )


def test_navigation_comes_first_in_hyperspy(hyperspy):
    made = om.io.to_hyperspy(a_map())
    assert type(made) is hyperspy.signals.Signal1D
    assert made.data.shape == (2, 4, 3)
    y, x, energy = made.given["axes"]
    assert y == {
        "name": "y",
        "units": None,
        "navigate": True,
        "size": 2,
        "scale": 1.0,
        "offset": 0.0,
    }
    assert x == {
        "name": "x",
        "units": "nm",
        "navigate": True,
        "size": 4,
        "scale": 0.5,
        "offset": 1.0,
    }
    assert energy["axis"].tolist() == [1.0, 2.0, 4.0]
    assert made.given["metadata"]["Signal"]["quantity"] == "intensity (counts)"
    assert not made.lazy


def test_lazy_data_stay_lazy_in_hyperspy(hyperspy):
    assert om.io.to_hyperspy(a_map(lazy=True)).lazy


def test_images_are_two_dimensional_signals_in_hyperspy(hyperspy):
    stack = xr.DataArray(np.ones((2, 3, 4)), dims=("frame", "y", "x"))
    made = om.io.to_hyperspy(stack)
    assert type(made) is hyperspy.signals.Signal2D
    assert [axis["navigate"] for axis in made.given["axes"]] == [True, False, False]


class SidpyDimension:
    def __init__(
        self, values, name="none", quantity="generic", units="generic", dimension_type="UNKNOWN"
    ):
        self.values, self.name, self.quantity, self.units = (
            np.asarray(values),
            name,
            quantity,
            units,
        )
        self.dimension_type = SimpleNamespace(name=dimension_type)


class SidpyDataset(da.Array):
    """A stand-in: like the original a dask array that carries its labels."""

    @classmethod
    def from_array(cls, values, **said):
        blocks = values if isinstance(values, da.Array) else da.from_array(values)
        made = cls.__new__(cls, blocks.dask, blocks.name, blocks.chunks, dtype=blocks.dtype)
        defaults = {"data_type": SimpleNamespace(name="UNKNOWN"), "variance": None}
        texts = dict.fromkeys(("title", "units", "quantity", "modality", "source"), "generic")
        made.__dict__.update({**defaults, **texts, "metadata": {}, "original_metadata": {}, **said})
        return made

    def set_dimension(self, number, dimension):
        setattr(self, f"dim_{number}", dimension)


def test_a_dataset_comes_from_sidpy_without_being_computed():
    blocks = da.ones((2, 3), chunks=1)
    dataset = SidpyDataset.from_array(
        blocks, title="A map", units="nA", quantity="current", modality="STM", metadata={"k": 1}
    )
    dataset.data_type = SimpleNamespace(name="IMAGE")
    dataset.set_dimension(0, SidpyDimension([0, 2.0], "y", "length", "nm", "SPATIAL"))
    dataset.set_dimension(1, SidpyDimension([0, 1.0, 4.0], "bias axis", "bias", "V", "SPECTRAL"))
    data = om.io.from_sidpy(dataset)
    assert type(data.data) is da.Array
    assert data.chunks == blocks.chunks
    assert data.name == "A_map"
    assert data.dims == ("y", "bias_axis")
    assert data.bias_axis.values.tolist() == [0, 1.0, 4.0]
    assert data.bias_axis.attrs == {"units": "V", "quantity": "bias", "kind": "spectral"}
    assert data.attrs["units"] == "nA"
    assert data.attrs["signal_type"] == "image"
    assert "source" not in data.attrs
    dataset.variance = da.full((2, 3), 4.0)
    both = om.io.from_sidpy(dataset)
    assert set(both.data_vars) == {"signal", "variance"}
    assert (both.variance.values == 4.0).all()


def test_a_dataset_goes_to_sidpy_and_comes_back(monkeypatch):
    module = ModuleType("sidpy")
    module.Dataset, module.Dimension = SidpyDataset, SidpyDimension
    monkeypatch.setitem(sys.modules, "sidpy", module)
    source = a_map()
    back = om.io.from_sidpy(om.io.to_sidpy(source))
    assert back.dims == source.dims
    np.testing.assert_array_equal(back.values, source.values)
    assert back.x.values.tolist() == source.x.values.tolist()
    assert back.energy_loss.attrs["kind"] == "spectral"
    assert back.attrs["units"] == "counts"


@pytest.mark.parametrize("name", ["hyperspy", "sidpy"])
def test_a_package_that_is_missing_is_named(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, f"{name}.api", None)
    with pytest.raises(MissingDependencyError, match=rf"{name}.*pip install"):
        getattr(om.io, f"to_{name}")(a_map())


def atoms():
    made = bulk("NaCl", "rocksalt", a=5.64) * (2, 1, 1)
    made.set_tags([3, 1, 4, 1])
    made.set_momenta(np.arange(12.0).reshape(4, 3))
    made.info["spacegroup"] = 225
    made.pbc = [True, False, True]
    return made


def test_atoms_become_labelled_in_their_order():
    data = om.io.from_ase(atoms())
    assert data.positions.dims == ("atom", "axis")
    assert data.positions.attrs["units"] == "Å"
    assert data.numbers.values.tolist() == [11, 17, 11, 17]
    assert data.cell.dims == ("vector", "axis")
    assert data.axis.values.tolist() == ["x", "y", "z"]
    np.testing.assert_array_equal(data.cell.values, atoms().cell[:])


@pytest.mark.parametrize("extension", [None, ".zarr", ".nc", ".nxs"])
def test_atoms_come_back_the_same(tmp_path, extension):
    data = om.io.from_ase(atoms())
    if extension is not None:
        data = from_tree(om.open(om.save(data, tmp_path / f"atoms{extension}")))
    back = om.io.to_ase(data)
    assert back == atoms()
    assert back.info == atoms().info
    assert back.get_tags().tolist() == [3, 1, 4, 1]
    np.testing.assert_array_equal(back.get_momenta(), atoms().get_momenta())


def test_an_empty_structure_comes_back():
    assert om.io.to_ase(om.io.from_ase(ase.Atoms())) == ase.Atoms()


def test_a_structure_with_positions_in_the_cell_goes_to_ase():
    data = om.io.from_ase(atoms())
    scaled = (("atom", "vector"), atoms().get_scaled_positions(wrap=False))
    back = om.io.to_ase(data.drop_vars("positions").assign(scaled_positions=scaled))
    np.testing.assert_allclose(back.positions, atoms().positions, atol=1e-12)


def test_a_structure_in_other_units_is_refused():
    data = om.io.from_ase(atoms())
    data["positions"] = data.positions.assign_attrs(units="nm")
    with pytest.raises(DataError, match="'positions' must be in Å, got 'nm'"):
        om.io.to_ase(data)


def test_what_is_no_structure_is_refused():
    with pytest.raises(DataError, match="needs the variables 'numbers'"):
        om.io.to_ase(xr.Dataset({"a": ("x", [1])}))
