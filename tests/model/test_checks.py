"""Wrong data are refused in words that say what to do."""

import numpy as np
import pytest
import xarray as xr

from omniscopy.model import (
    DataError,
    MissingDependencyError,
    Status,
    Table,
    convert_units,
    labelled,
    require_array,
    require_choice,
    require_dim,
    require_dims,
    require_plane,
    require_real,
    require_same_direction,
    require_uniform,
    require_units,
    require_window,
    result,
    status_attrs,
    validate,
)


def spectrum(n=11, units="eV"):
    energy = xr.DataArray(np.linspace(100.0, 200.0, n), dims="energy_loss", attrs={"units": units})
    return xr.DataArray(
        np.ones(n), dims="energy_loss", coords={"energy_loss": energy}, attrs={"units": "counts"}
    )


def image():
    axis = {"units": "nm"}
    return xr.DataArray(
        np.zeros((3, 4)),
        dims=("y", "x"),
        coords={"y": ("y", np.arange(3.0), axis), "x": ("x", np.arange(4.0), axis)},
        attrs={"units": "nA"},
    )


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: require_array(np.zeros(3)), r"expected a labelled array .* got ndarray; label it"),
        (lambda: require_array(xr.Dataset()), r"got Dataset; pick one of its variables"),
        (lambda: require_dim(spectrum(), "energy"), r"expected a dimension 'energy', got .*rename"),
        (lambda: require_dim(spectrum().drop_vars("energy_loss"), "energy_loss", units="eV"), r"no coordinate; assign one in eV, as in .*arange\(\d+\), {'units': 'eV'}\)"),
        (lambda: require_dim(spectrum(units="nm"), "energy_loss", units="eV"), r"must be in 'eV' or units that convert to it, got 'nm'"),
        (lambda: require_dim(spectrum()[::-1], "energy_loss"), r"must ascend; sort it"),
        (lambda: require_dim(spectrum(2), "energy_loss", at_least=3), r"has 2 points; at least 3"),
        (lambda: require_window(spectrum(), "energy_loss", (300.0, 400.0), at_least=3), r"holds 0 channels of 'energy_loss' \(which spans 100 to 200\)"),
        (lambda: require_window(spectrum(), "energy_loss", (150.0, 120.0), at_least=1), r"with low < high"),
        (lambda: require_uniform(spectrum()[[0, 1, 3, 4]], "energy_loss"), r"must be uniform; it deviates .* by 0\.\d+ steps"),
        (lambda: require_dims(image(), ["y", "z"]), r"\['z'\] missing"),
        (lambda: require_plane(spectrum(), None, kind="spatial"), r"expected two spatial dimensions"),
        (lambda: require_real(image() + 0j), r"expected real numbers, got complex128; take"),
        (lambda: require_same_direction(image()[:, ::-1], image(), what="the mask"), r"'x' of the mask falls, that of the data does not; sort both with `\.sortby\('x'\)`"),
        (lambda: require_units(image(), "nm"), r"the data must be in 'nm' or units that convert to it, got 'nA'"),
        (lambda: convert_units(image(), "eV", dim="x"), r"coordinate 'x' must be in 'eV'"),
    ],
)  # fmt: skip
def test_the_message_says_what_came_and_what_was_expected(call, match):
    with pytest.raises(DataError, match=match):
        call()


def test_what_is_right_passes_and_is_returned():
    require_dim(spectrum(units="keV"), "energy_loss", units="eV")
    assert require_uniform(spectrum(), "energy_loss") == pytest.approx(10.0)
    assert require_uniform(spectrum()[::-1], "energy_loss") == pytest.approx(-10.0)
    assert require_window(spectrum(), "energy_loss", (120.0, 150.0), at_least=4).size == 4
    assert require_plane(image().expand_dims("frame"), None, kind="spatial") == ("y", "x")
    assert require_units(image(), "pA") == 1000.0


def test_values_and_coordinates_are_converted_with_their_units():
    converted = convert_units(convert_units(image() + 1.5, "pA"), "Å", dim="x")
    assert converted.attrs["units"] == "pA"
    np.testing.assert_allclose(converted, 1500.0)
    assert converted["x"].attrs["units"] == "Å"
    np.testing.assert_allclose(converted["x"], [0, 10, 20, 30])
    assert converted["y"].attrs["units"] == "nm"


def test_a_result_states_its_units_and_inherits_nothing():
    made = result(
        {"modality": "EELS"},
        mean=(image().mean("x"), "1"),
        status=(image().mean("x"), "1"),
        unknown=(image().mean("x"), None),
    )
    assert made["mean"].attrs == {"units": "1"}
    assert made["unknown"].attrs == {}
    assert made["status"].attrs == status_attrs()
    assert made["status"].dtype == np.uint8
    assert made["y"].attrs == {"units": "nm"}
    assert made.attrs == {"modality": "EELS"}
    assert labelled(image(), units="1", quantity="phase").attrs == {
        "units": "1",
        "quantity": "phase",
    }


def test_status_codes_have_names_in_their_order():
    meanings = status_attrs()["flag_meanings"].split()
    assert meanings[Status.NO_DATA] == "no_data"
    assert len(meanings) == len(status_attrs()["flag_values"])


def test_a_missing_package_names_its_extra():
    error = MissingDependencyError("torch", extra="learn", purpose="training")
    assert "pip install 'omniscopy[learn]'" in str(error)
    assert isinstance(error, ImportError)


def test_a_table_reads_well_in_text_and_in_a_notebook():
    table = Table(
        [{"name": "a", "many": [1, 2], "yes": True}, {"name": "longer", "many": [], "yes": False}]
    )
    assert str(table).splitlines()[1] == "a       1, 2  yes"
    assert "<td>longer</td>" in table._repr_html_()
    assert Table([{"x": "<b>"}])._repr_html_().count("&lt;b&gt;") == 1


def test_sound_data_has_no_breach():
    assert validate(image()) == []
    assert validate(xr.Dataset({"signal": image()})) == []
    assert validate(xr.DataTree.from_dict({"/a": xr.Dataset({"signal": image()})})) == []


@pytest.mark.parametrize(
    ("broken", "match"),
    [
        (lambda d: d.assign_attrs(units=3), "units must be text"),
        (lambda d: d.assign_attrs(units=""), "units are empty"),
        (lambda d: d.assign_attrs(units="bananas"), "'bananas' are not readable"),
        (lambda d: d.assign_attrs(signal_type="picture"), "signal_type 'picture'"),
        (lambda d: d.assign_attrs(modality=3), "modality must be text"),
        (lambda d: d.drop_vars("x"), "dimension 'x' has no coordinate"),
        (lambda d: d.rename(x="horizontal"), "has no kind and its name is not in the vocabulary"),
        (lambda d: d.assign_coords(x=("x", d.x.data, {"kind": "wide"})), "is of kind 'wide'"),
        (lambda d: d.assign_coords(x=("x", d.x.data, {"role": "main"})), "has role 'main'"),
        (lambda d: d.assign_coords(x=("x", d.x.data, {"units": "bananas"})), "units 'bananas'"),
        (lambda d: d.assign_coords(x=("x", [0.0, np.nan, 1, 2])), "not finite"),
        (lambda d: d.assign_attrs(metadata="text"), "must be a nested dictionary, got str"),
        (lambda d: d.assign_attrs(provenance={}), "must be a list of records"),
        (lambda d: d.astype(object), "Python objects"),
    ],
)
def test_each_breach_of_the_contract_is_listed(broken, match):
    breaches = validate(broken(image()))
    assert len(breaches) == 1
    assert match in breaches[0]


def test_compound_values_and_lonely_uncertainties_are_breaches():
    records = xr.DataArray(np.zeros(2, [("a", "f4"), ("b", "f4")]), dims="point")
    assert any("compound records" in breach for breach in validate(records))
    lonely = xr.Dataset({"mean_std": image(), "status": image()})
    assert any("there is no 'mean'" in breach for breach in validate(lonely))
    assert any("no flag_meanings" in breach for breach in validate(lonely))


def test_a_choice_is_one_of_those_there_are():
    require_choice("kind", "hann", ("hann", "none"))
    with pytest.raises(DataError, match=r"kind must be one of \('hann', 'none'\), got 'han'"):
        require_choice("kind", "han", ("hann", "none"))
