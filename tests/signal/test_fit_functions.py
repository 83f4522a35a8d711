"""Functions of users as models: what they may be, and what results remember of them."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.model import DataError, ReplayWarning, coordinate, decode, encode
from omniscopy.signal import (
    Bounded,
    Exponential,
    Fixed,
    Function,
    Gaussian,
    Offset,
    evaluate_model,
    fit_model,
)
from omniscopy.signal import functions as module
from omniscopy.signal.layout import lay_out

TIME = np.linspace(0.0, 5.0, 60)


def decaying(x, a, b, c):
    return a * np.exp(-x / b) + c


def slopes_of_decaying(x, a, b, c):
    shape = np.exp(-x / b)
    return shape, a * shape * x / b**2, 1.0


def one_at_a_time(x, a, b, c):
    """Is the same, but takes numbers only."""
    return np.array([a * np.exp(-value / float(b)) + c for value in x])


def misled_by_batches(x, a, b, c):
    """Is the same, but is another function when many spectra come at once."""
    return a * np.exp(-x / b) + np.max(c)


def decays(noise=0.05, shape=(4, 5)):
    rng = np.random.default_rng(3)
    a, b, c = rng.uniform([5, 0.5, 1], [9, 1.5, 2], (*shape, 3)).transpose(2, 0, 1)[..., None]
    values = a * np.exp(-TIME / b) + c + noise * rng.standard_normal((*shape, len(TIME)))
    coords = {dim: coordinate(dim, np.arange(n), "nm") for dim, n in zip("yx", shape, strict=True)}
    coords["bias"] = coordinate("bias", TIME, "V")
    return xr.DataArray(values, coords, ("y", "x", "bias"), attrs={"units": "A"})


@pytest.mark.parametrize(
    "model",
    [
        Function(decaying, ["a", "b", "c"], {"a": 6.0, "b": 1.0, "c": 1.0}),
        Function(decaying, settings={"b": 1.0}, linear=["a", "c"], derivatives=slopes_of_decaying),
        Function(one_at_a_time, settings={"b": Bounded(0.1, 3.0)}, linear=["a", "c"]),
        Function(misled_by_batches, settings={"a": 6.0, "b": 1.0, "c": 1.0}),
        Function(lambda x, a, b, c: a * np.exp(-x / b) + c, settings={"b": 1.0}, linear=["a", "c"]),
    ],
    ids=["differences", "derivatives", "one at a time", "misled", "lambda"],
)
def test_a_function_is_fitted_like_the_model_that_it_computes(model):
    data = decays()
    plain = fit_model(data, Exponential() + Offset())
    found = fit_model(data, model)
    label = model.label
    names = {"a": "exponential_amplitude", "b": "exponential_decay", "c": "offset_value"}
    for own, name in names.items():
        np.testing.assert_allclose(found[f"{label}_{own}"], plain[name], rtol=2e-6)
        np.testing.assert_allclose(found[f"{label}_{own}_std"], plain[f"{name}_std"], rtol=1e-4)
    lazy = fit_model(data.chunk(x=1, y=3), model)
    np.testing.assert_array_equal(lazy[f"{label}_b"], found[f"{label}_b"])
    np.testing.assert_allclose(
        evaluate_model(model, found, data), evaluate_model(Exponential() + Offset(), plain, data),
        rtol=1e-6,
    )  # fmt: skip


def test_many_spectra_go_to_a_function_at_once_if_it_takes_them():
    calls = []

    def counted(x, a, b):
        calls.append(np.shape(a))
        return a * x + b

    fit_model(decays(), Function(counted, linear=["a", "b"]))
    assert max(np.prod(shape, dtype=int) for shape in calls) == 20
    assert len(calls) < 60


@pytest.mark.parametrize("scale", [1e-15, 1e-9, 1.0, 1e7])
@pytest.mark.parametrize("value", [0.0, 1e-12, 0.3, 2e4])
def test_differences_are_near_the_derivatives_for_any_size_of_parameter(value, scale):
    def plain(x, a, b):
        return (b + 2.0) / (1.0 + ((x - 2.5 - a / scale + value) * 3.0) ** 2)

    formula = Function(plain).parts()[0].formula
    _, (slopes,) = formula.evaluate([TIME], (), np.array([[value * scale, 0.0]]))
    u = (TIME - 2.5) * 3.0
    exact = [2.0 * 6.0 * u / (1.0 + u**2) ** 2 / scale, 1.0 / (1.0 + u**2)]
    for slope, known in zip(slopes, exact, strict=True):
        np.testing.assert_allclose(slope, known, atol=1e-5 * np.abs(known).max())


def test_differences_stay_where_the_function_has_values():
    formula = Function(lambda x, a: np.sqrt(a) * x).parts()[0].formula
    _, slopes = formula.evaluate([TIME], (), np.array([[0.0], [4.0]]))
    assert np.isfinite(slopes).all()
    np.testing.assert_allclose(slopes[1, 0], 0.25 * TIME, rtol=1e-6)


def test_a_function_is_part_of_a_sum_and_of_images():
    data = decays(noise=0.0)
    bump = (data + 2.0 * np.exp(-(((data.bias - 3.0) / 0.2) ** 2) / 2)).assign_attrs(units="A")
    model = Function(decaying, settings={"b": 1.0}, linear="ac", units={"b": "V"}, name="decay")
    found = fit_model(bump, model + Gaussian(sigma=Fixed(0.2), centre=3.1))
    np.testing.assert_allclose(found["gaussian_centre"], 3.0, rtol=1e-6)
    assert found["decay_b"].attrs["units"] == "V"
    assert "units" not in found["decay_a"].attrs
    y, x = coordinate("y", np.arange(9.0), "nm"), coordinate("x", np.arange(11.0), "nm")
    image = xr.DataArray(2.0 * x.values + 30.0 * y.values[:, None] + 1.0, {"y": y, "x": x})
    plane = Function(lambda x, y, u, v, w: u * x + v * y + w, ndim=2, linear="uvw")
    made = fit_model(image, plane)
    np.testing.assert_allclose([made[f"function_{n}"] for n in "uvw"], [2.0, 30.0, 1.0])


def test_complex_functions_are_fitted_to_complex_data():
    truth, axis = np.array([2.0, 0.5, 1.3]), coordinate("frequency", TIME + 1, "Hz")

    def response(f, a, b, c):
        return a / (f - c + 1j * b)

    data = xr.DataArray(response(TIME + 1, *truth), {"frequency": axis}).expand_dims(x=3)
    model = Function(
        response, settings={"b": 0.3, "c": Bounded(0.5, 3.0)}, linear="a", is_complex=True
    )
    found = fit_model(data, model)
    for name, value in zip("abc", truth, strict=True):
        np.testing.assert_allclose(found[f"response_{name}"], value, rtol=1e-6)
    with pytest.raises(DataError, match="the model is complex, the data are float64"):
        fit_model(data.real, model)
    with pytest.raises(DataError, match="returns complex values: say is_complex=True"):
        fit_model(data.real, Function(response, settings={"a": 1, "b": 1, "c": 1}))
    with pytest.raises(DataError, match="complex"):
        fit_model(data, Gaussian() + Offset())


def test_a_named_function_is_recorded_by_name_and_replayed_where_it_is_known(monkeypatch):
    data = om.simulate.spectrum_image((3, 4))
    model = Function(decaying, settings={"a": 10.0, "b": 300.0, "c": 1.0})
    found = fit_model(data, model)
    said = encode(model)
    assert said["fields"]["function"].endswith("decaying")
    assert decode(said) == model
    again = om.replay(found)
    np.testing.assert_array_equal(again["decaying_b"], found["decaying_b"])
    monkeypatch.setattr(module, "_known", {})
    with pytest.raises(DataError, match="was recorded by its name only, and is not known yet"):
        om.replay(found)
    said["fields"]["digest"] = "0" * 32
    Function(decaying)
    with pytest.warns(ReplayWarning, match="decaying is not the function that was recorded"):
        decode(said)


def test_names_in_files_never_import_anything():
    said = encode(Function(decaying))
    said["fields"]["function"] = "os.system"
    with pytest.raises(DataError, match=r"'os\.system' was recorded by its name only"):
        decode(said)


def test_a_lambda_is_fitted_but_not_replayed():
    found = fit_model(
        om.simulate.spectrum_image((3, 4)), Function(lambda x, a: a + 0 * x, linear="a")
    )
    assert "function_a" in found
    with pytest.raises(DataError, match="functions and open objects cannot be restored"):
        om.replay(found)


def wrong_length(x, a):
    return np.zeros(3) + a


def raising(x, a):
    return {}["nothing"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Function("nothing"), "'nothing' was recorded by its name only"),
        (lambda: Function(3), "expected a function, got int"),
        (lambda: Function(lambda x: x), "give `parameters`"),
        (lambda: Function(decaying, "abc"), "parameters must be names such as"),
        (lambda: Function(decaying, ["a b"]), "parameters must be names such as"),
        (lambda: Function(decaying, ndim=3), "ndim must be 1"),
        (lambda: Function(decaying, linear=["d"]), r"\['d'\] are not parameters of 'decaying'"),
        (lambda: Function(decaying, settings={"k": 1}), r"\['k'\] are not parameters"),
        (lambda: Function(decaying, units={"k": "V"}), r"\['k'\] are not parameters"),
        (lambda: lay_out(Function(decaying, settings={"a": "1"})), "decaying_a must be a number"),
        (lambda: fit_model(decays(), Function(decaying)), "decaying_a needs a number to start"),
        (
            lambda: fit_model(decays(), Function(wrong_length, linear="a")),
            r"wrong_length must return numbers of shape \(60,\), like its coordinate",
        ),
        (
            lambda: fit_model(decays(), Function(raising, linear="a")),
            "the model function raising failed: KeyError: 'nothing'",
        ),
        (
            lambda: fit_model(decays(), Function(decaying, ["a", "b"], linear=["a", "b"])),
            "the model function decaying failed: TypeError",
        ),
        (
            lambda: fit_model(
                decays(),
                Function(lambda x, a: a * x, linear="a", derivatives=lambda x, a: (x, x)),
            ),
            "are 2 arrays; it has 1 parameters",
        ),
    ],
)
def test_functions_that_are_no_models_are_refused(make, message):
    with pytest.raises(DataError, match=message):
        make()
