"""Relaxations and contact potentials are found, and refused where there are none."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.model import DataError, Status, coordinate
from omniscopy.spm import analyse_contact_kpfm, fit_relaxation

TIMES = np.linspace(0.02, 4.0, 100)


def labelled(values, times=TIMES, units="s"):
    return xr.DataArray(
        np.atleast_2d(values),
        {"time": coordinate("time", times, units), "y": coordinate("y", [0.0], "nm")},
        dims=("y", "time"), attrs={"units": "pm"},
    )  # fmt: skip


EXACT = {
    "exponential": (
        lambda t: 2.0 * np.exp(-t / 0.7) + 0.3,
        {"amplitude": 2.0, "time_constant": 0.7, "offset": 0.3},
    ),
    "double": (
        lambda t: 1.0 * np.exp(-t / 2.5) + 2.0 * np.exp(-t / 0.2) + 0.3,
        {"amplitude_1": 2.0, "time_constant_1": 0.2, "amplitude_2": 1.0, "time_constant_2": 2.5,
         "offset": 0.3},
    ),
    "stretched": (
        lambda t: 2.0 * np.exp(-((t / 0.7) ** 0.6)) + 0.3,
        {"amplitude": 2.0, "time_constant": 0.7, "exponent": 0.6, "offset": 0.3},
    ),
    "power": (
        lambda t: 2.0 * t**-0.8 + 0.3,
        {"amplitude": 2.0, "exponent": 0.8, "offset": 0.3},
    ),
    "logarithmic": (
        lambda t: 2.0 - 0.3 * np.log(t),
        {"offset": 2.0, "slope": -0.3},
    ),
    "logistic": (
        lambda t: 2.0 / (1.0 + np.exp(-(t - 1.5) / 0.3)) + 0.3,
        {"amplitude": 2.0, "centre": 1.5, "width": 0.3, "offset": 0.3},
    ),
}  # fmt: skip


@pytest.mark.parametrize("model", EXACT)
def test_a_relaxation_without_noise_is_found_exactly(model):
    function, truth = EXACT[model]
    found = fit_relaxation(labelled(function(TIMES)), model).isel(y=0)
    for name, value in truth.items():
        assert found[name].item() == pytest.approx(value, rel=1e-4), name
        assert found[f"{name}_std"].attrs.get("units") == found[name].attrs.get("units")
    assert found["r_squared"].item() == pytest.approx(1.0)


@pytest.mark.parametrize("model", ["exponential", "power", "logarithmic"])
def test_milliseconds_are_the_same_times(model):
    function, truth = EXACT[model]
    found = fit_relaxation(labelled(function(TIMES), TIMES * 1e3, "ms"), model).isel(y=0)
    for name, value in truth.items():
        assert found[name].item() == pytest.approx(value, rel=1e-4), name
    if model == "exponential":
        assert found["time_constant"].attrs["units"] == "s"
        window = fit_relaxation(
            labelled(function(TIMES), TIMES * 1e3, "ms"), model, window=(100.0, 900.0)
        )
        assert window["degrees_of_freedom"].item() < 25


def test_the_scatter_of_time_constants_is_their_uncertainty():
    function, _ = EXACT["exponential"]
    rng = np.random.default_rng(0)
    values = function(TIMES) + 0.05 * rng.standard_normal((2000, 100))
    data = xr.DataArray(
        values, {"time": coordinate("time", TIMES, "s"), "point": np.arange(2000)},
        dims=("point", "time"),
    )  # fmt: skip
    found = fit_relaxation(data, restarts=0)
    for name in ("amplitude", "time_constant", "offset"):
        std = float(found[f"{name}_std"].mean())
        assert float(found[name].std()) == pytest.approx(std, rel=0.05), name


def test_the_sample_relaxes_more_slowly_to_the_right():
    found = fit_relaxation(om.samples.relaxation())
    np.testing.assert_allclose(
        found["time_constant"].mean("y"), [0.2, 1 / 3, 7 / 15, 0.6], rtol=0.1
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: (data, {"model": "linear"}), "model must be one of"),
        (lambda data: (data.rename(time="frame"), {}), "expected a dimension 'time'"),
        (lambda data: (data.astype(complex), {}), "real numbers"),
        (lambda data: (data.assign_coords(time=TIMES), {}), "must be in 's'"),
        (lambda data: (labelled(TIMES, TIMES - 1.0), {"model": "power"}), "above 0"),
        (lambda data: (labelled(TIMES, TIMES - 1.0), {"model": "logarithmic"}), "above 0"),
    ],
)
def test_what_cannot_relax_is_refused_in_words(change, words):
    data, options = change(labelled(TIMES))
    with pytest.raises(DataError, match=words):
        fit_relaxation(data, **options)


def test_contact_potentials_are_where_there_is_no_response():
    data = om.simulate.contact_kpfm(noise=0.0)
    found = analyse_contact_kpfm(data)
    assert found["slope"].dims == ("y", "x", "write_bias")
    expected = 0.2 + 0.4 * np.linspace(0, 1, 4)[:, None] + 0.1 * data["write_bias"].values / 8.0
    np.testing.assert_allclose(found["contact_potential"][0], expected, rtol=1e-9)
    np.testing.assert_allclose(found["slope"][:, 0, 0], [-1e-4, -2e-4, -3e-4], rtol=1e-9)
    np.testing.assert_allclose(
        found["response"], -found["slope"] * found["contact_potential"], rtol=1e-9
    )
    assert found["slope"].attrs["units"] == "1"


def test_the_scatter_of_contact_potentials_is_their_uncertainty():
    rng = np.random.default_rng(0)
    read = np.linspace(-2.0, 2.0, 9)
    values = -0.3 * (read - 0.5) + 0.02 * rng.standard_normal((6000, 9))
    data = xr.DataArray(
        values, {"read_bias": coordinate("read_bias", read, "V", kind="spectral")},
        dims=("point", "read_bias"),
    )  # fmt: skip
    found = analyse_contact_kpfm(data)
    for name in ("slope", "response", "contact_potential"):
        # The mean of variances; a deviation from seven degrees of freedom is low on average.
        std = float(np.sqrt((found[f"{name}_std"] ** 2).mean()))
        assert float(found[name].std()) == pytest.approx(std, rel=0.05), name
    assert float(found["contact_potential"].mean()) == pytest.approx(0.5, abs=0.002)


def test_branches_of_writing_are_chosen():
    data = om.simulate.contact_kpfm(write_steps=16)
    assert analyse_contact_kpfm(data, branch="falling")["write_bias"].values.tolist() == [
        8.0, 6.0, 4.0, 2.0, 0.0, -2.0, -4.0, -6.0,
    ]  # fmt: skip
    assert analyse_contact_kpfm(data, branch="rising").sizes["write_bias"] == 8


def test_phases_of_the_instrument_are_turned_back():
    exact = om.simulate.contact_kpfm(noise=0.0)
    turned = exact * np.exp(1j * np.radians(30.0))
    turned.attrs["units"] = "V"
    parts = xr.Dataset({
        "amplitude": abs(turned).assign_attrs(units="V"),
        "phase": xr.apply_ufunc(np.angle, turned).assign_attrs(units="rad"),
    })  # fmt: skip
    expected = analyse_contact_kpfm(exact)["contact_potential"]
    for each in (turned, parts):
        found = analyse_contact_kpfm(each, phase_offset=30.0)
        np.testing.assert_allclose(found["contact_potential"], expected, rtol=1e-6)


def test_points_without_a_slope_or_a_response_are_flagged():
    read = np.linspace(-2.0, 2.0, 9)
    values = np.stack([-0.3 * (read - 0.5), np.where(np.arange(9) % 2, 1.0, 1.1), read * np.nan])
    data = xr.DataArray(
        values, {"read_bias": coordinate("read_bias", read, "V", kind="spectral")},
        dims=("point", "read_bias"),
    )  # fmt: skip
    found = analyse_contact_kpfm(data)
    assert found["status"].values.tolist() == [0, Status.SINGULAR, Status.NO_DATA]
    assert np.isnan(found["contact_potential"].values).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"read_dim": "bias"}, "expected a dimension 'bias'"),
        ({"branch": "up"}, "branch must be one of"),
        ({"branch": "falling", "write_dim": "bias"}, "expected a dimension 'bias'"),
    ],
)
def test_what_has_no_contact_potential_is_refused_in_words(options, words):
    with pytest.raises(DataError, match=words):
        analyse_contact_kpfm(om.samples.contact_kpfm(), **options)
    with pytest.raises(DataError, match="missing"):
        analyse_contact_kpfm(xr.Dataset())
