"""Every built-in model: found again from its own exact spectrum, without a start."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy import signal
from omniscopy.model import DataError, coordinate
from omniscopy.signal import (
    Bounded,
    Fixed,
    Gaussian,
    Lorentzian,
    Offset,
    Oscillator,
    Polynomial,
    PowerLaw,
    Sum,
    Tied,
)
from omniscopy.signal.layout import lay_out

X = np.linspace(1.0, 11.0, 201)


def spectrum(values, x=X, units="V"):
    axis = coordinate("energy", x, "eV")
    return xr.DataArray(values, {"energy": axis}, attrs={"units": units})


def drawn(model, parameters, x=X):
    """Return the spectrum of a model, from a Dataset as a fit makes it."""
    names = lay_out(model).names
    ds = xr.Dataset(dict(zip(names, parameters, strict=True)))
    return spectrum(signal.evaluate_model(model, ds, spectrum(x, x)).values, x)


CASES = {
    "gaussian": (signal.Gaussian(), (3.0, 5.0, 0.8)),
    "dip": (signal.Gaussian(), (-3.0, 5.0, 0.8)),
    "narrow gaussian": (signal.Gaussian(), (3.0, 5.02, 0.06)),
    "lorentzian": (signal.Lorentzian(), (3.0, 5.0, 0.8)),
    "voigt": (signal.Voigt(), (3.0, 5.0, 0.4, 0.3)),
    "pseudo_voigt": (signal.PseudoVoigt(), (3.0, 5.0, 1.4, 0.35)),
    "split_voigt": (signal.SplitVoigt(), (3.0, 5.0, 1.4, 2.1, 0.35)),
    "skew_normal": (signal.SkewNormal(), (3.0, 4.0, 1.4, 2.5)),
    "doniach": (signal.Doniach(), (3.0, 6.0, 0.5, 0.15)),
    "logistic": (signal.Logistic(), (3.0, 5.0, 0.5)),
    "falling logistic": (signal.Logistic() + Offset(), (-3.0, 5.0, 0.5, 4.0)),
    "arctan": (signal.Arctan(), (3.0, 5.0, 0.5)),
    "error_step": (signal.ErrorStep(), (3.0, 5.0, 0.5)),
    "step on a line": (signal.ErrorStep() + Polynomial(1), (3.0, 5.0, 0.5, 1.0, 0.05)),
    "exponential": (signal.Exponential(), (3.0, 2.0)),
    "growth": (signal.Exponential(), (3.0, -4.0)),
    "exponential and offset": (signal.Exponential() + Offset(), (3.0, 2.0, 0.7)),
    "two decays": (signal.Exponential() + signal.Exponential(decay=8.0), (3.0, 1.0, 2.0, 6.0)),
    "stretched_exponential": (signal.StretchedExponential(), (3.0, 2.0, 0.6)),
    "power_law": (signal.PowerLaw(reference=3.0), (3.0, 2.7)),
    "double_power_law": (signal.DoublePowerLaw(), (3.0, 2.7, 0.4, -0.6)),
    "offset": (signal.Offset(), (3.0,)),
    "polynomial": (signal.Polynomial(3, reference=5.0), (3.0, 1.0, -0.5, 0.02)),
    "bleasdale": (signal.Bleasdale(), (3.0, 0.5, 1.3)),
    "peak on a power law": (PowerLaw() + Gaussian(), (300.0, 2.0, 8.0, 6.0, 0.4)),
    "peak on a decay": (signal.Exponential() + Lorentzian(), (30.0, 2.0, 8.0, 7.0, 0.3)),
    "peak on a parabola": (Polynomial(2) + Gaussian(), (3.0, 0.5, -0.02, 2.0, 6.0, 0.4)),
    "dip in a line": (Polynomial(1) + Gaussian(), (9.0, 0.1, -2.0, 6.0, 0.4)),
    "three peaks": (
        Gaussian() + Gaussian() + Gaussian() + Offset(),
        (5.0, 3.0, 0.3, 4.0, 7.0, 0.5, 2.0, 9.5, 0.4, 1.0),
    ),
    "peaks that overlap": (
        Lorentzian(centre=Bounded(4, 5.2)) + Lorentzian(centre=Bounded(5.4, 7)) + Offset(),
        (5.0, 4.7, 0.5, 3.0, 6.0, 0.5, 1.0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_models_are_found_again_in_their_own_spectra(name):
    model, parameters = CASES[name]
    data = drawn(model, parameters)
    found = om.signal.fit_model(data, model, max_steps=400)
    names = lay_out(model).names
    if name == "three peaks":  # the highest one is found first
        assert found["gaussian_centre"] == pytest.approx(3.0)
    values = np.array([float(found[each]) for each in names])
    assert int(found["status"]) == 0
    np.testing.assert_allclose(values, parameters, rtol=1e-6, atol=1e-7)
    if name != "offset":  # which nothing is left to explain of
        assert float(found["r_squared"]) == pytest.approx(1.0)


def test_parameters_have_the_units_that_follow_from_data_and_axis():
    model = (
        Gaussian() + signal.Voigt() + Polynomial(2) + PowerLaw()
        + signal.Exponential() + signal.PseudoVoigt()
    )  # fmt: skip
    data = spectrum(np.ones_like(X), units="counts").expand_dims(y=2)
    found = om.signal.fit_model(data, model, max_steps=1)
    units = {name: variable.attrs.get("units") for name, variable in found.items()}
    assert units["gaussian_amplitude"] == "counts"
    assert units["gaussian_centre"] == units["gaussian_sigma_std"] == "eV"
    assert units["voigt_area"] == units["voigt_area_std"] == "counts eV"
    assert units["polynomial_c0"] == "counts"
    assert units["polynomial_c1"] == "counts/eV"
    assert units["polynomial_c2"] == "counts/eV^2"
    assert units["power_law_exponent"] == units["pseudo_voigt_fraction"] == "1"
    assert units["exponential_decay"] == "eV"
    assert units["reduced_chi_square"] == "counts^2"
    assert units["r_squared"] == units["status"] == "1"


def test_unknown_units_stay_unknown():
    data = xr.DataArray(np.exp(-((X - 5) ** 2)), {"energy": X})
    found = om.signal.fit_model(data, signal.Voigt(), dim="energy")
    assert "units" not in found["voigt_area"].attrs
    assert "units" not in found["voigt_centre"].attrs


def test_components_of_one_kind_get_different_names():
    model = Gaussian() + Gaussian(name="edge") + Gaussian() + Offset()
    assert model.names == ["gaussian", "edge", "gaussian_1", "offset"]
    assert (Offset() + (Gaussian() + Gaussian())).names == ["offset", "gaussian", "gaussian_1"]
    assert [signal.Gaussian2D().label, signal.SkewNormal().label] == ["gaussian_2d", "skew_normal"]


def test_fixed_bounded_and_tied_parameters_do_as_they_are_told():
    model = (
        Gaussian(sigma=Fixed(0.5), centre=Bounded(2, 5))
        + Gaussian(centre=Tied("gaussian_centre", offset=3.0), sigma=Tied("gaussian_sigma"),
                   amplitude=Tied("gaussian_amplitude", factor=0.5))
    )  # fmt: skip
    data = drawn(model, (4.0, 4.0, 0.5, 2.0, 7.0, 0.5))
    found = om.signal.fit_model(data, model)
    assert int(found["status"]) == 0
    assert float(found["gaussian_sigma"]) == 0.5
    assert float(found["gaussian_sigma_std"]) == float(found["gaussian_1_sigma_std"]) == 0.0
    assert float(found["gaussian_1_centre"]) == pytest.approx(7.0)
    assert float(found["gaussian_1_amplitude"]) == pytest.approx(2.0)
    assert float(found["gaussian_1_centre_std"]) == float(found["gaussian_centre_std"])
    halved = 0.5 * float(found["gaussian_amplitude_std"])
    assert float(found["gaussian_1_amplitude_std"]) == pytest.approx(halved)


def test_ties_may_follow_ties():
    model = (
        Gaussian()
        + Gaussian(sigma=Tied("gaussian_2_sigma", 2.0))
        + Gaussian(sigma=Tied("gaussian_sigma", 1.0, 0.25))
    )
    layout = lay_out(model)
    chained = layout.names.index("gaussian_1_sigma")
    assert layout.source[chained] == 2
    assert (layout.factor[chained], layout.offset[chained]) == (2.0, 0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Bounded(3, 2), "the lower bound 3 must be below the upper bound 2"),
        (lambda: Bounded("a", 2), "Bounded takes numbers, or `None` for no bound, got 'a' and 2"),
        (lambda: Bounded(3, 4, start=5), "start 5 is outside the bounds 3 to 4"),
        (lambda: lay_out(Gaussian(sigma=-1.0)), "gaussian_sigma starts at -1, outside its bounds"),
        (lambda: lay_out(Gaussian(centre=np.inf)), "gaussian_centre cannot start at inf"),
        (lambda: lay_out(Gaussian(centre="4")), "gaussian_centre must be a number to start from"),
        (lambda: lay_out(Gaussian), "a class needs its brackets"),
        (lambda: Gaussian() + 3, "expected a model such as"),
        (lambda: Sum(()), "a model is a component"),
        (lambda: Gaussian() + signal.Gaussian2D(), "of spectra and of images cannot be added"),
        (lambda: lay_out(Gaussian(centre=Tied("other"))), "tied to 'other'; the parameters are"),
        (
            lambda: lay_out(Gaussian(centre=Tied("gaussian_sigma"), sigma=Tied("gaussian_centre"))),
            "tied in a circle",
        ),
        (lambda: lay_out(Gaussian(), {"centre": (1, 2)}), "bounds of \\['centre'\\]"),
        (lambda: lay_out(Gaussian(), {"gaussian_centre": (2, 1)}), "must be below the upper"),
        (
            lambda: lay_out(
                Gaussian() + Gaussian(sigma=Tied("gaussian_sigma")), {"gaussian_1_sigma": (1, 2)}
            ),
            "is tied: give bounds to gaussian_sigma",
        ),
        (lambda: Polynomial(13), "a degree from 0 to 12"),
        (lambda: Polynomial(1, coefficients=(1, 2, 3)), "at most degree \\+ 1 coefficients"),
        (lambda: PowerLaw(reference=0), "reference must be above 0"),
    ],
)
def test_models_without_a_meaning_are_refused_in_words(make, message):
    with pytest.raises(DataError, match=message):
        make()


def test_a_parameter_may_be_bounded_on_one_side():
    assert Bounded(None, 2.0) == Bounded(upper=2.0)
    assert Bounded(1.0, None) == Bounded(lower=1.0)
    with pytest.raises(DataError, match="start 3 is outside the bounds -inf to 2"):
        Bounded(None, 2.0, start=3.0)


def test_models_survive_being_recorded():
    model = Gaussian(centre=Bounded(2, 5), sigma=Fixed(0.5)) + Polynomial(2, coefficients=(1.0,))
    model += Gaussian(centre=Tied("gaussian_centre", 1.0, 2.0), name="second")
    assert om.model.decode(om.model.encode(model)) == model


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_a_resonance_is_fitted_to_complex_spectra(noise):
    maps = om.simulate.oscillator_maps()
    data = om.simulate.band_excitation(maps=maps, noise=noise)
    found = om.signal.fit_model(data, Oscillator(), bootstrap=0 if noise == 0 else 50)
    assert (found["status"] == 0).all()
    response = found["oscillator_real"] + 1j * found["oscillator_imaginary"]
    made = xr.Dataset({
        "amplitude": np.abs(response),
        "phase": xr.apply_ufunc(np.angle, response),
        "resonance_frequency": found["oscillator_resonance_frequency"],
        "quality_factor": found["oscillator_quality_factor"],
    })  # fmt: skip
    allowed = {"amplitude": 0.05, "resonance_frequency": 3e-4, "quality_factor": 0.1}
    for name, rtol in allowed.items():
        np.testing.assert_allclose(made[name], maps[name], rtol=rtol if noise else 1e-6)
    np.testing.assert_allclose(made["phase"], maps["phase"], atol=0.05 if noise else 1e-6)
    assert found["oscillator_resonance_frequency"].attrs["units"] == "Hz"
    drawn_again = signal.evaluate_model(Oscillator(), found, data)
    assert drawn_again.dtype == complex
    left = signal.subtract_model(data, Oscillator(), found)
    assert float(np.abs(left).max()) <= 6 * noise + 1e-9
    lazy = om.signal.fit_model(data.chunk(y=3, frequency=20), Oscillator())
    np.testing.assert_array_equal(
        lazy["oscillator_quality_factor"], found["oscillator_quality_factor"]
    )
    lazy = signal.evaluate_model(Oscillator(), lazy, data.chunk())
    np.testing.assert_allclose(lazy.compute(), drawn_again)


def test_the_scatter_of_complex_fits_is_their_std():
    maps = om.simulate.oscillator_maps((1, 1)).isel(y=[0] * 400, drop=True)
    maps = maps.drop_vars("y").assign_coords(y=coordinate("y", np.arange(400), "nm"))
    found = om.signal.fit_model(om.simulate.band_excitation(maps=maps, noise=2e-3), Oscillator())
    for name in ("real", "imaginary", "resonance_frequency", "quality_factor"):
        scatter, std = found[f"oscillator_{name}"].std(), found[f"oscillator_{name}_std"].mean()
        assert float(scatter) == pytest.approx(float(std), rel=0.12)


def test_a_resonance_withstands_spikes():
    maps = om.simulate.oscillator_maps()
    data = om.simulate.band_excitation(maps=maps, noise=1e-3)
    spikes = np.random.default_rng(1).random(data.shape) < 0.04
    spoilt = (data + xr.where(xr.zeros_like(data.real).copy(data=spikes), 0.15j, 0.0)).assign_attrs(
        data.attrs
    )
    found = om.signal.fit_model(spoilt, Oscillator(), loss="cauchy")
    quality = found["oscillator_quality_factor"]
    assert float(np.abs(quality / maps["quality_factor"] - 1).median()) < 0.03
    plain = om.signal.fit_model(spoilt, Oscillator())["oscillator_quality_factor"]
    assert float(np.abs(plain / maps["quality_factor"] - 1).median()) > 0.06


def test_real_and_complex_are_not_mixed():
    data = om.samples.band_excitation()
    with pytest.raises(DataError, match="the model is complex, the data are float64"):
        om.signal.fit_model(data.real, Oscillator())
    with pytest.raises(DataError, match="take `abs\\(data\\)`"):
        om.signal.fit_model(data, Lorentzian())
    with pytest.raises(DataError, match="with real and with complex values cannot be added"):
        om.signal.fit_model(data, Oscillator() + Offset())
    with pytest.raises(DataError, match="Oscillator needs a coordinate above 0"):
        om.signal.fit_model(data.assign_coords(frequency=data.frequency - 340e3), Oscillator())
