"""What other programs write to files of HyperSpy: formulas, lists, variances, unnamed axes."""

import h5py
import numpy as np
import pytest

import omniscopy as om

PLAIN = {"scale": 1.0, "offset": 0.0}


def write(path, values, axes=(), **metadata):
    with h5py.File(path, "w") as file:
        file.attrs.update({"file_format": "HyperSpy", "file_format_version": "3.3"})
        group = file.create_group("Experiments/__unnamed__")
        if isinstance(values, np.ndarray):
            group["data"] = values
        for number, said in enumerate(axes):
            group.create_group(f"axis-{number}").attrs.update({**PLAIN, **said})
        for place, said in metadata.items():
            group.require_group(f"metadata/{place}").attrs.update(said)
    return path


def write_formula(path, expression, **parameters):
    about = {"_type": "FunctionalDataAxis", "name": "Energy", "units": "eV", "navigate": False}
    write(path, np.arange(5.0), [{**about, "expression": expression, **parameters}])
    with h5py.File(path, "r+") as file:
        inner = file.create_group("Experiments/__unnamed__/axis-0/x")
        inner.attrs.update({"scale": 20.0, "offset": 400.0, "navigate": False, "size": 5})
    return path


@pytest.mark.parametrize(
    ("expression", "parameters"),
    [("a / (x + b)", {"a": 1239.8, "b": 2.0}), ("1239.8/(x + 2)", {}), ("a/(x+2)", {"a": 1239.8})],
)
def test_the_places_of_a_formula_are_worked_out(tmp_path, expression, parameters):
    data = om.open_signal(write_formula(tmp_path / "a.hspy", expression, **parameters))
    np.testing.assert_allclose(data["energy"], 1239.8 / (402 + 20 * np.arange(5)), rtol=1e-14)
    assert data["energy"].attrs["units"] == "eV"


@pytest.mark.parametrize("expression", ["__import__('os').system('true')", "a*x", "x.real", "("])
def test_of_what_is_no_formula_nothing_is_run(tmp_path, expression):
    data = om.open_signal(write_formula(tmp_path / "a.hspy", expression))
    np.testing.assert_array_equal(data, np.arange(5))
    np.testing.assert_array_equal(data["energy"], np.arange(5))


def test_arrays_of_any_length_are_filled_up(tmp_path):
    path = write(tmp_path / "a.hspy", None, [{"navigate": True}] * 2)
    lists = [np.arange(2.0 * n) - n for n in (1, 0, 3, 2)]
    with h5py.File(path, "r+") as file:
        group = file["Experiments/__unnamed__"]
        kinds = {"data": np.dtype("f8"), "_ragged_shapes_data": np.dtype("i8")}
        for name, kind in kinds.items():
            group.create_dataset(name, (2, 2), h5py.vlen_dtype(kind))
        for number, one in enumerate(lists):
            place = divmod(number, 2)
            group["data"][place] = one
            group["_ragged_shapes_data"][place] = [len(one) // 2, 2]
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "sample", "column")
    assert data.shape == (2, 2, 3, 2)
    np.testing.assert_array_equal(data[1, 0], lists[2].reshape(3, 2))
    np.testing.assert_array_equal(data[0, 0, :1], lists[0].reshape(1, 2))
    assert np.isnan(data[0, 1]).all()
    assert np.isnan(data[1, 1, 2:]).all()


def test_the_variance_of_a_signal_stands_beside_it(tmp_path):
    values = np.arange(24.0).reshape(2, 3, 4)
    axes = [{"name": name, "navigate": name != "Energy"} for name in ("y", "x", "Energy")]
    path = write(tmp_path / "a.hspy", values, axes)
    with h5py.File(path, "r+") as file:
        noise = "metadata/Signal/Noise_properties/_sig_variance"
        file[f"Experiments/__unnamed__/{noise}/data"] = values / 4
    (node,) = om.open(path).children.values()
    assert node["variance"].dims == ("y", "x", "energy")
    np.testing.assert_array_equal(node["variance"], values / 4)


@pytest.mark.parametrize(
    "units", ["$A^{-1}$", r"$\\AA^{-1}$", "A^-1", "Å⁻¹", "1 / A", r"Å$^{-1}$", "[A^-1]"]
)
def test_units_marked_up_for_figures_are_units(tmp_path, units):
    axes = [{"name": n, "navigate": n in "yx", "units": u}
            for n, u in {"y": "nm", "x": "nm", "ky": units, "kx": units}.items()]  # fmt: skip
    data = om.open_signal(write(tmp_path / "a.hspy", np.zeros((2, 2, 3, 3)), axes))
    assert data.dims == ("y", "x", "ky", "kx")
    assert data["kx"].attrs["units"] == "1/Å"
    assert data.attrs["signal_type"] == "image_4d"


@pytest.mark.parametrize(
    ("signal_type", "said", "name"),
    [
        ("EELS", {"units": "eV"}, "energy_loss"),
        ("EELS", {}, "energy_loss"),
        ("EDS_TEM", {"units": "keV"}, "energy"),
        ("", {"units": "keV", "name": "E"}, "energy"),
        ("CL", {"units": "nm"}, "wavelength"),
        ("", {"units": "1/cm", "name": "Raman shift"}, "wavenumber"),
        ("", {}, "sample"),
    ],
)
def test_the_axis_of_spectra_is_known_by_signal_and_units(tmp_path, signal_type, said, name):
    axes = [{"navigate": True, "units": "nm"}] * 2 + [{"navigate": False, **said}]
    path = write(
        tmp_path / "a.hspy", np.zeros((2, 3, 4)), axes, Signal={"signal_type": signal_type}
    )
    data = om.open_signal(path)
    assert data.dims == ("y", "x", name)
    assert data.attrs["signal_type"] == "spectral_image"


@pytest.mark.parametrize("signal_type", ["electron_diffraction", "diffraction"])
def test_patterns_are_known_by_the_type_of_signal(tmp_path, signal_type):
    axes = [{"navigate": True}] * 2 + [{"navigate": False}] * 2
    path = write(
        tmp_path / "a.hspy", np.zeros((2, 3, 4, 4)), axes, Signal={"signal_type": signal_type}
    )
    assert om.open_signal(path).dims == ("y", "x", "ky", "kx")


def test_an_axis_of_angles_makes_spectra_and_no_unknown_signal(tmp_path):
    axes = [{"name": "tilt", "units": "deg", "navigate": True}, {"name": "Energy", "units": "eV"}]
    path = write(tmp_path / "a.hspy", np.zeros((2, 3)), [axes[0], {**axes[1], "navigate": False}])
    data = om.open_signal(path)
    assert data.dims == ("tilt", "energy")
    assert (data["tilt"].attrs["kind"], data.attrs["signal_type"]) == ("parameter", "spectrum")
    assert om.validate(data) == []
