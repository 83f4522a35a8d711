"""Formulas as text: what they are, what they are not, and that both ways to evaluate them agree."""

import ctypes
import itertools

import numpy as np
import pytest
import scipy.special
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import omniscopy as om
from omniscopy import signal
from omniscopy.model import DataError, coordinate
from omniscopy.signal import Bounded, Expression, Fixed, Gaussian, Offset, Tied, fit_model
from omniscopy.signal.layout import lay_out
from omniscopy.signal.parsing import parse_expression

X = np.linspace(0.3, 2.7, 41)
SUM = "+".join(f"a*{n}" for n in range(20))
VALUES = {"a": 0.7, "b": 1.3, "c": 0.4}
erf, erfc = scipy.special.erf, scipy.special.erfc
CASES = {
    "a*exp(-x/b) + c": lambda x, a, b, c: a * np.exp(-x / b) + c,
    "a/(1 + ((x - c)/b)**2)": lambda x, a, b, c: a / (1 + ((x - c) / b) ** 2),
    "a*x**(-b) + c*x": lambda x, a, b, c: a * x ** (-b) + c * x,
    "where(x > b, a*(x - b)**1.5, 0) + c": lambda x, a, b, c: (
        a * np.where(x > b, np.abs(x - b), 0) ** 1.5 + c
    ),
    "where(x <= b, a, c)*x": lambda x, a, b, c: np.where(x <= b, a, c) * x,
    "a*sqrt(x + b)**3 - c/x**2": lambda x, a, b, c: a * (x + b) ** 1.5 - c / x**2,
    "a*log(x*b) + log10(c*x)": lambda x, a, b, c: a * np.log(x * b) + np.log10(c * x),
    "a*sin(b*x) + cos(c*x)*tan(x/4)": lambda x, a, b, c: (
        a * np.sin(b * x) + np.cos(c * x) * np.tan(x / 4)
    ),
    "arcsin(a*x/9)*b + arccos(x*c/9) + arctan(x*a) + arctan2(a*x, b + x)": lambda x, a, b, c: (
        np.arcsin(a * x / 9) * b + np.arccos(x * c / 9) + np.arctan(x * a)
        + np.arctan2(a * x, b + x)
    ),
    "sinh(a*x/3) + cosh(b*x/3) - tanh(c*x)": lambda x, a, b, c: (
        np.sinh(a * x / 3) + np.cosh(b * x / 3) - np.tanh(c * x)
    ),
    "erf((x - a)/b) + erfc(x*c)": lambda x, a, b, c: erf((x - a) / b) + erfc(x * c),
    "abs(x - a)*b + sign(x - 1.51)*c": lambda x, a, b, c: (
        np.abs(x - a) * b + np.sign(x - 1.51) * c
    ),
    "minimum(a*x, b) + maximum(c*x, 1.0) + power(x, a)": lambda x, a, b, c: (
        np.minimum(a * x, b) + np.maximum(c * x, 1.0) + x**a
    ),
    "+a - -b*x**0 + c*x**-1.5 + 1e-3*x**7.25": lambda x, a, b, c: (
        a + b + c * x**-1.5 + 1e-3 * x**7.25
    ),
    "2*pi*a + b**2 + c**0.5*x**7": lambda x, a, b, c: 2 * np.pi * a + b**2 + np.sqrt(c) * x**7,
}  # fmt: skip


def in_numpy(text, parameters, x=X):
    """Return values and derivatives by the twin in NumPy."""
    return parse_expression(text).evaluate([x], (), np.asarray(parameters, float))


def compiled(text, parameters, x=X):
    """Return values and derivatives by the compiled interpreter, called by its address."""
    program = parse_expression(text)
    kinds = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, *[ctypes.c_void_p] * 4]
    function = ctypes.CFUNCTYPE(None, *kinds, ctypes.c_int64, ctypes.c_void_p)(program.address())
    constants, given = np.array(program.constants), np.array(parameters, float)
    values, slopes = np.zeros(len(x)), np.full((program.parameters, len(x)), np.nan)
    scratch = np.full(program.scratch * len(x), np.nan)
    function(
        x.ctypes.data, x.ctypes.data, len(x), constants.ctypes.data, given.ctypes.data,
        values.ctypes.data, slopes.ctypes.data, len(x), scratch.ctypes.data,
    )  # fmt: skip
    return values, slopes


@pytest.mark.parametrize("text", CASES)
def test_values_are_those_of_numpy_and_slopes_those_of_differences(text):
    names = parse_expression(text).names
    values, slopes = in_numpy(text, [VALUES[name] for name in names])
    np.testing.assert_allclose(values, CASES[text](X, **VALUES) + 0 * X, rtol=1e-13, atol=1e-13)
    for name, slope in zip(names, slopes, strict=True):
        up, down = (CASES[text](X, **VALUES | {name: VALUES[name] + s}) for s in (1e-5, -1e-5))
        away = np.abs(slope - (up - down) / 2e-5) > 1e-6 * np.abs(slope).max() + 1e-8
        # A difference across a kink is no derivative.
        assert away.sum() <= (1 if "where" in text or "abs" in text or "min" in text else 0)


@pytest.mark.parametrize("points", [1, 41, 128, 300])
@pytest.mark.parametrize("text", CASES)
def test_the_compiled_interpreter_agrees_with_numpy(text, points):
    x = np.linspace(0.3, 2.7, points)
    given = [VALUES[name] for name in parse_expression(text).names]
    for one, other in zip(compiled(text, given, x), in_numpy(text, given, x), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


def test_one_interpreter_serves_every_formula():
    one, other = (parse_expression(text) for text in ("a*x", "b*exp(-x/c)*sin(x)"))
    assert one.address() == other.address()
    assert one.constants != other.constants


@pytest.mark.parametrize("evaluate", [in_numpy, compiled])
def test_a_branch_that_is_not_taken_does_not_matter(evaluate):
    text = "where(x > c, k*sqrt(x - c)*log(x - c), 0)"
    values, slopes = evaluate(text, [X[20], 2.0])
    assert np.isfinite(values).all()
    assert np.isfinite(slopes).all()
    assert not slopes[:, :21].any()
    assert slopes[:, 21:].all()


@given(st.text("abcxy0123456789.+-*/()<>, _'\"[]{}:=lambdaifelsexpsqrtwhere\\\n^%@!", max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        program = parse_expression(text)
    except DataError:
        return
    values, slopes = program.evaluate([X, X], (), np.ones(program.parameters))
    assert slopes.shape == (program.parameters, *values.shape)


LEAVES = st.sampled_from(["a", "b", "x", "2", "0.5", "pi"])
FORMULAS = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.tuples(parts, st.sampled_from("+-*/"), parts).map(lambda p: f"({p[0]}{p[1]}{p[2]})"),
        st.tuples(st.sampled_from(["exp", "sin", "tanh", "abs", "sqrt"]), parts).map(
            lambda p: f"{p[0]}({p[1]})"
        ),
        st.tuples(parts, parts, parts).map(lambda p: f"where({p[0]} < {p[1]}, {p[1]}, {p[2]})"),
    ),
    max_leaves=12,
)


@given(FORMULAS, st.floats(0.1, 3.0), st.floats(-3.0, -0.1))
def test_drawn_formulas_agree_compiled_and_not(text, a, b):
    text = f"{text} + 0*a + 0*b"
    given = [{"a": a, "b": b}[name] for name in parse_expression(text).names]
    values, slopes = in_numpy(text, given)
    quick, quick_slopes = compiled(text, given)
    usual = np.isfinite(values) & (np.abs(values) < 1e12)
    np.testing.assert_allclose(quick[usual], values[usual], rtol=1e-9, atol=1e-9)
    usual = usual & (np.isfinite(slopes) & (np.abs(slopes) < 1e9)).all(axis=0)
    np.testing.assert_allclose(quick_slopes[:, usual], slopes[:, usual], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an expression is text such as"),
        (3, "an expression is text such as"),
        ("3*x", "has no parameters"),
        ("a*foo(x)", r"'foo' is not a function of expressions; they are abs, .*character 3 of"),
        ("a + 2x", "cannot read the expression: invalid decimal literal"),
        ("a*x^2", r"powers are written with \*\*"),
        ("exp", "exp is a function; it needs its argument in brackets"),
        ("exp(a, x)", "exp takes 1 argument, by place"),
        ("where(x, a)", "where takes 3 arguments, by place"),
        ("exp(x=a)", "exp takes 1 argument"),
        ("a*1e999", "the number is too large"),
        ("a*9**9**9", "power of numbers gives inf"),
        ("a*9" + "9" * 400, "the number is too large"),
        ("a + 1/0", "divide of numbers gives"),
        ("a + 2j", "2j is not a real number"),
        ("a + 'b'", "'b' is not a real number"),
        ("a + True", "True is not a real number"),
        ("__import__('os').system('ls')", "is not a function of expressions"),
        ("a.real", "only numbers, names,"),
        ("a[0]", "only numbers, names,"),
        ("a if x else b", "only numbers, names,"),
        ("lambda x: a", "only numbers, names,"),
        ("(a := 3)", "only numbers, names,"),
        ("[a for a in x]", "only numbers, names,"),
        ("0 < a < 1", "only numbers, names,"),
        ("a // 2", "only numbers, names,"),
        ("a; b", "cannot read the expression"),
        ("-" * 200 + "a", "nested more than 100 deep"),
        ("(" * 300 + "a" + ")" * 300, "cannot read the expression"),
        ("a" * 2001, "at most 2000 characters"),
        ("+".join(f"a{n}" for n in range(60)), "more than 50 parameters"),
        ("*".join(f"({SUM})" for _ in range(9)), "more than 250 steps"),
        ("a\x00b", "cannot read the expression"),
    ],
)
def test_what_is_no_formula_is_refused_with_its_place(text, message):
    with pytest.raises(DataError, match=message):
        parse_expression(text)


def test_the_place_of_a_mistake_is_shown():
    with pytest.raises(DataError) as caught:
        Expression("σ*exp(-x/τ) + foo(x)")
    _, line, mark = str(caught.value).split("\n")
    assert line[mark.index("^") :].startswith("foo")


@pytest.mark.parametrize(
    ("text", "linear"),
    [
        ("a*exp(-x/b) + c", "ac"),
        ("(a + c*x)/2 - b*x**2", "acb"),
        ("a*(b + c*x)", "a"),
        ("where(x > c, a, b)", "ab"),
        ("a/b + sqrt(c)", "a"),
        ("-(a + x)*exp(c)", "a"),
        ("abs(a) + max_*x", None),
    ],
)
def test_what_a_formula_is_linear_in_is_known(text, linear):
    program = parse_expression(text)
    found = list(itertools.compress(program.names, program.linear()))
    assert found == (["max_"] if linear is None else list(linear))


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("a*exp(-x/b) + c", {"a": "counts", "b": "nm", "c": "counts"}),
        ("a*sin(2*pi*f*x + p)", {"a": "counts", "f": "1/nm", "p": "1"}),
        ("a*x**(-r)", {"a": None, "r": "1"}),
        ("a*(x/b)**(-r)", {"a": "counts", "b": "nm", "r": "1"}),
        ("k*(x - c)**1.5", {"k": "counts/nm^1.5", "c": "nm"}),
        ("sqrt(a + b*x)", {"a": "counts^2", "b": "counts^2/nm"}),
        ("a*exp(-(x - 550)**2/(2*s**2))", {"a": "counts", "s": "nm"}),
        ("a*log(x)", {"a": "counts"}),
        ("a*exp(-x/2)", {"a": "counts"}),
        ("where(x > c, a*(x - c), 0)", {"a": "counts/nm", "c": "nm"}),
        ("x**2 + b", {"b": None}),
        ("a*arctan2(x, b)", {"a": "counts", "b": "nm"}),
        ("minimum(a, b*x)", {"a": "counts", "b": "counts/nm"}),
    ],
)
def test_units_follow_from_the_formula_or_are_unknown(text, units):
    infos = Expression(text).infos
    assert {info.name: info.units("counts", ["nm"]) for info in infos} == units


def test_units_of_images_follow_if_both_axes_have_the_same():
    text = "a*exp(-((x - u)**2 + (y - v)**2)/(2*s**2)) + c*y"
    infos = {info.name: info for info in Expression(text).infos}
    assert infos["s"].units("counts", ["nm", "nm"]) == "nm"
    assert infos["s"].units("counts", ["nm", "eV"]) is None
    assert infos["c"].units("counts", ["nm", "nm"]) == "counts/nm"
    (info,) = Expression("b*y/x").infos
    assert info.units("V", ["nm", "eV"]) == "V eV/nm"


def decays(noise=0.0, shape=(6, 5)):
    rng = np.random.default_rng(3)
    time = np.linspace(0.0, 5.0, 100)
    a, b, c = rng.uniform([5, 0.5, 1], [9, 1.5, 2], (*shape, 3)).transpose(2, 0, 1)[..., None]
    values = a * np.exp(-time / b) + c
    coords = {dim: coordinate(dim, np.arange(n), "nm") for dim, n in zip("yx", shape, strict=True)}
    coords["time"] = coordinate("time", time, "s")
    noisy = values + noise * rng.standard_normal(values.shape)
    return xr.DataArray(noisy, coords, ("y", "x", "time"), attrs={"units": "V"}), b[..., 0]


def test_a_formula_is_fitted_like_the_model_that_it_spells():
    data, _ = decays(noise=0.05)
    text = fit_model(data, dim="time", model=Expression("a*exp(-x/b) + c", b=1.0))
    plain = fit_model(data, dim="time", model=signal.Exponential(decay=1.0) + Offset())
    names = ["exponential_amplitude", "exponential_decay", "offset_value"]
    for own, name in zip("abc", names, strict=True):
        for end in ("", "_std"):
            np.testing.assert_allclose(text[f"expression_{own}{end}"], plain[name + end], rtol=1e-6)
        assert text[f"expression_{own}"].attrs["units"] == plain[name].attrs["units"]
    np.testing.assert_allclose(text["reduced_chi_square"], plain["reduced_chi_square"], rtol=1e-9)
    drawn = signal.evaluate_model(Expression("a*exp(-x/b) + c"), text, data)
    np.testing.assert_allclose(
        drawn, signal.evaluate_model(signal.Exponential() + Offset(), plain, data), rtol=1e-6
    )


def test_a_formula_is_one_component_of_a_sum_with_settings_of_its_own():
    data, decay = decays()
    energy = data["time"]
    bump = 3.0 * np.exp(-(((energy - 3.0) / 0.2) ** 2) / 2)
    model = (
        Expression("a*exp(-x/b)", {"b": Bounded(0.1, 5.0, start=1.0)}, name="decay")
        + Gaussian(sigma=Fixed(0.2), centre=3.1)
        + Expression("k*c", c=Fixed(2.0))
    )
    found = fit_model((data + bump).assign_attrs(units="V"), model, dim="time")
    np.testing.assert_allclose(found["decay_b"], decay, rtol=1e-6)
    np.testing.assert_allclose(found["gaussian_centre"], 3.0, rtol=1e-7)
    np.testing.assert_allclose(
        found["expression_k"],
        fit_model(data, dim="time", model=Offset() + signal.Exponential())["offset_value"] / 2,
        rtol=1e-5,
    )
    twice = Expression("a*exp(-x/b) + c*exp(-x/d)", b=0.5, d=Tied("expression_b", 4.0))
    made = fit_model(data, dim="time", model=twice)
    np.testing.assert_allclose(made["expression_d"], 4.0 * made["expression_b"])


def test_formulas_of_images_use_rows_and_columns():
    y, x = coordinate("y", np.arange(20) * 0.5, "nm"), coordinate("x", np.arange(24) * 0.5, "nm")
    model = Expression("a*exp(-((x - u)**2 + (y - v)**2)/(2*s**2)) + c", u=6.0, v=4.0, s=1.5)
    assert lay_out(model).ndim == 2
    truth = {"a": 3.0, "u": 7.0, "v": 3.5, "s": 1.2, "c": 0.5}
    ds = xr.Dataset({f"expression_{name}": value for name, value in truth.items()})
    image = signal.evaluate_model(model, ds, xr.DataArray(0.0, {"y": y, "x": x}, ("y", "x")))
    assert float(image.sel(y=3.5, x=7.0)) == pytest.approx(3.5)
    found = fit_model(image, model)
    for name, value in truth.items():
        assert float(found[f"expression_{name}"]) == pytest.approx(value, rel=1e-7)
    assert found["expression_s"].attrs["units"] == "nm"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Expression("a*x", b=2.0), r"\['b'\] are not parameters of 'a\*x'; they are"),
        (lambda: lay_out(Expression("a*x", a="2")), "expression_a must be a number to start from"),
        (lambda: Expression("a*y") + Gaussian(), "of spectra and of images cannot be added"),
    ],
)
def test_formulas_without_a_meaning_are_refused(make, message):
    with pytest.raises(DataError, match=message):
        make()


def test_a_formula_is_recorded_as_its_text_and_fitted_again():
    model = Expression("a*exp(-x/b) + name", {"name": 1.0}, b=Bounded(0.1, 9.0, start=1.0))
    assert om.model.decode(om.model.encode(model)) == model
    assert hash(model) == hash(om.model.decode(om.model.encode(model)))
    found = fit_model(om.samples.spectrum_image(), Expression("a*exp(-x/b)", b=300.0))
    xr.testing.assert_identical(om.replay(found).drop_attrs(), found.drop_attrs())
    assert "a*exp(-x/b)" in om.script(found)
