"""Fits that start from what other pixels found, and formulas that start from trials."""

import weakref

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.model import DataError, Status, coordinate
from omniscopy.signal import (
    Bounded,
    Exponential,
    Expression,
    Fixed,
    Gaussian,
    Gaussian2D,
    Offset,
    evaluate_model,
    fit_model,
)

ENERGY = np.linspace(0.0, 10.0, 96)
PEAK = Gaussian() + Offset()
SEARCHES = ["neighbours", "clusters", "pyramid"]


def peaks(centre, height, noise, sigma=0.5, seed=0):
    """Return spectra (y, x, energy) of a peak at a place for each pixel."""
    rng = np.random.default_rng(seed)
    values = height * np.exp(-(((ENERGY - centre[..., None]) / sigma) ** 2) / 2) + 1.0
    values += noise * rng.standard_normal(values.shape)
    dims = ("frame", "y", "x")[-centre.ndim :]
    coords = {
        dim: coordinate(dim, np.arange(size), "1" if dim == "frame" else "nm")
        for dim, size in zip(dims, centre.shape, strict=True)
    }
    coords["energy"] = coordinate("energy", ENERGY, "eV")
    return xr.DataArray(values, coords, (*dims, "energy"), attrs={"units": "counts"})


def weak_peaks(shape=(24, 31)):
    """Return peaks in so much noise that its highest value is often elsewhere."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    centre = 6.0 + 1.5 * np.sin(y / 8) + 0.8 * np.cos(x / 9)
    return peaks(centre, 1.0, 0.55), centre


def share_of_wrong(found, centre, name="gaussian_centre"):
    return float((np.abs(found[name] - centre) > 0.6).mean())


@pytest.mark.parametrize("search", SEARCHES)
def test_other_pixels_repair_what_a_spectrum_alone_does_not_tell(search):
    data, centre = weak_peaks()
    model = Gaussian(sigma=Bounded(0.2, 1.5)) + Offset()
    alone, learnt = fit_model(data, model), fit_model(data, model, start=search)
    assert share_of_wrong(alone, centre) > 0.1
    assert share_of_wrong(learnt, centre) < 0.02
    assert (learnt["reduced_chi_square"] <= alone["reduced_chi_square"] * (1 + 1e-9)).all()
    assert (learnt["status"] <= Status.AT_BOUND).all()


@pytest.mark.parametrize("search", SEARCHES)
def test_searches_are_lazy_and_give_the_same_digits_in_any_chunks(search):
    data, _ = weak_peaks((16, 18))
    data[3, 4] = np.nan
    data[5, 6, 10:20] = np.nan
    weights = xr.where(data.energy > 9.5, 0.0, 1.0)
    eager = fit_model(data, PEAK, start=search, weights=weights)

    def refuse(*_args, **_kwargs):
        raise AssertionError

    for chunks in ({"y": 7, "x": 18}, {"y": 16, "x": 9, "energy": 50}):
        with dask.config.set(scheduler=refuse):
            lazy = fit_model(data.chunk(chunks), PEAK, start=search, weights=weights)
        xr.testing.assert_equal(lazy.compute(), eager)
    assert eager["status"][3, 4] == Status.NO_DATA


def test_a_flood_reaches_the_other_side_of_a_map():
    y, x = np.mgrid[:12, :50]
    centre = 2.0 + 6.0 * x / 49 + 0.3 * np.sin(y / 5)
    data = peaks(centre, 5.0, 0.3, sigma=0.2)
    # Only the pixels on the left are near enough to this start.
    model = Gaussian(centre=2.0, sigma=0.2) + Offset()
    assert share_of_wrong(fit_model(data, model), centre) > 0.7
    assert share_of_wrong(fit_model(data, model, start="neighbours"), centre) == 0.0


def test_alike_spectra_far_apart_are_one_cluster():
    y, x = np.mgrid[:20, :30]
    centre = np.where((x % 2 + y % 2) % 2, 3.0, 7.0)
    data = peaks(centre, 1.0, 0.55)
    model = Gaussian(sigma=Bounded(0.2, 1.5)) + Offset()
    assert share_of_wrong(fit_model(data, model), centre) > 0.1
    assert share_of_wrong(fit_model(data, model, start="clusters"), centre) < 0.02
    # Points in no order have no neighbours, but clusters.
    points = data.stack(point=["y", "x"]).drop_vars(["point", "y", "x"]).transpose("point", ...)
    found = fit_model(points, model, start="clusters")
    assert share_of_wrong(found, centre.ravel()) < 0.02
    for search in ("neighbours", "pyramid"):
        with pytest.raises(DataError, match=f"start='{search}' needs pixels in rows"):
            fit_model(points, model, start=search)


@pytest.mark.parametrize("search", SEARCHES)
def test_searches_need_no_map_and_no_good_pixel(search):
    data, _ = weak_peaks((2, 3))
    one = fit_model(data[0, 0], PEAK, start=search)
    xr.testing.assert_allclose(
        one.drop_vars(["y", "x"]), fit_model(data[0, 0], PEAK).drop_vars(["y", "x"])
    )
    nothing = fit_model(data * np.nan, PEAK, start=search)
    assert (nothing["status"] == Status.NO_DATA).all()
    same = fit_model(xr.ones_like(data), PEAK, start=search)
    np.testing.assert_allclose(evaluate_model(PEAK, same, data), 1.0, rtol=1e-6)
    counts = fit_model((data * 20).round().clip(0), PEAK, start=search, likelihood="poisson")
    assert np.isfinite(counts["gaussian_centre"]).all()


@pytest.mark.parametrize("search", SEARCHES)
def test_stacks_and_images_are_searched_too(search):
    rng = np.random.default_rng(2)
    v, u = np.arange(12.0), np.arange(14.0)
    place = 5.0 + rng.uniform(-1.5, 1.5, (3, 8, 9))
    images = np.exp(-((v[:, None] - 5) ** 2 + (u - place[..., None, None]) ** 2) / 8)
    images = images + 0.25 * rng.standard_normal(images.shape)
    coords = {"ky": coordinate("ky", v, "1/nm"), "kx": coordinate("kx", u, "1/nm")}
    for dim, size in zip(("frame", "y", "x"), place.shape, strict=True):
        coords[dim] = coordinate(dim, np.arange(size), "1" if dim == "frame" else "nm")
    data = xr.DataArray(images, coords, ("frame", "y", "x", "ky", "kx"))
    model = Gaussian2D(angle=Fixed(0.0), sigma_x=2.0, sigma_y=2.0) + Offset()
    found = fit_model(data, model, start=search)
    assert found["gaussian_2d_centre_x"].dims == ("frame", "y", "x")
    assert share_of_wrong(found, place, "gaussian_2d_centre_x") < 0.03
    lazy = fit_model(data.chunk(frame=1, y=5), model, start=search)
    xr.testing.assert_equal(lazy.compute(), found)


@pytest.mark.parametrize(("search", "reads"), [("neighbours", 8), ("clusters", 2), ("pyramid", 2)])
def test_lazy_data_are_read_a_few_times_and_never_kept(search, reads, monkeypatch):
    values, _ = weak_peaks((20, 20))
    monkeypatch.setattr("omniscopy.signal.start_searches._SAMPLED", 60)
    plain = values.values
    alive, most, loaded = set(), [0], [0]

    def load(block_info=None):
        where = block_info[None]["array-location"]
        block = plain[tuple(slice(*each) for each in where)].copy()
        loaded[0] += 1
        alive.add(loaded[0])
        most[0] = max(most[0], len(alive))
        weakref.finalize(block, alive.discard, loaded[0])
        return block

    chunks = ((1,) * 20, (20,), (96,))
    lazy = values.copy(data=da.map_blocks(load, chunks=chunks, dtype=float))
    with dask.config.set(scheduler="threads", num_workers=2):
        fit_model(lazy, PEAK, start=search).compute()
    assert loaded[0] <= 20 * reads
    # Averages over rows of pixels need as many chunks as they have rows.
    assert most[0] <= (10 if search == "pyramid" else 4)


def test_searches_are_replayed():
    found = fit_model(
        om.samples.spectrum_image(),
        Gaussian() + Exponential(),
        start="pyramid",
        bootstrap=10,
        rng=3,
    )
    xr.testing.assert_equal(om.replay(found), found)
    assert om.history(found)[-1].parameters["start"] == "pyramid"


def test_a_start_that_is_no_start_is_refused():
    data, _ = weak_peaks((2, 2))
    with pytest.raises(DataError, match="a Dataset of maps, or 'neighbours', 'clusters' or"):
        fit_model(data, PEAK, start="magic")
    with pytest.raises(DataError, match="start of gaussian_centre must be a number, got 'here'"):
        fit_model(data, PEAK, start={"gaussian_centre": "here"})
    with pytest.raises(DataError, match="start of gaussian_centre is an array: give maps"):
        fit_model(data, PEAK, start={"gaussian_centre": data[..., 0]})
    with pytest.raises(DataError, match="gaussian_centre is fixed, but at no value"):
        fit_model(data, Gaussian(centre=Fixed()) + Offset(), start="neighbours")


FORMULAS = {
    "a*exp(-x/b) + c": {"a": 3.0, "b": 0.7, "c": 1.0},
    "a*exp(-(x - u)**2/(2*s**2)) + c": {"a": 3.0, "u": 7.3, "s": 0.4, "c": 1.0},
    "a/(1 + ((x - u)/g)**2) + b*x + c": {"a": -3.0, "u": 3.1, "g": 0.5, "b": 0.2, "c": 1.0},
    "a*(1 - exp(-x/b))": {"a": 3.0, "b": 4.0},
    "where(x > u, k*abs(x - u)**1.5, 0) + c": {"u": 4.2, "k": 0.7, "c": -0.2},
    "a*sin(2*pi*f*x + p) + c": {"a": 1.0, "f": 0.45, "p": 1.0, "c": 0.3},
    "a/(1 + exp(-(x - u)/w))": {"a": 2.0, "u": 6.0, "w": 0.4},
    "a*exp(-x/b) + c*exp(-x/d)": {"a": 3.0, "b": 0.5, "c": 1.0, "d": 4.0},
    "a*(x + 1)**(-r)": {"a": 3.0, "r": 2.4},
}


@pytest.mark.parametrize("noise", [0.0, 0.03])
@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_need_no_start_where_units_say_where_to_look(text, noise):
    truth = FORMULAS[text]
    ds = xr.Dataset({f"expression_{name}": value for name, value in truth.items()})
    axis = coordinate("energy", ENERGY, "eV")
    exact = evaluate_model(Expression(text), ds, xr.DataArray(axis, {"energy": axis}))
    rng = np.random.default_rng(5)
    data = xr.DataArray(
        exact.values + noise * rng.standard_normal((20, len(ENERGY))),
        {"energy": axis}, dims=("point", "energy"), attrs={"units": "V"},
    )  # fmt: skip
    found = fit_model(data, Expression(text))
    drawn = evaluate_model(Expression(text), found, data)
    allowed = 1e-4 if noise == 0 else 0.6 * noise
    assert (np.sqrt(((drawn - exact.values) ** 2).mean("energy")) < allowed).all()
    lazy = fit_model(data.chunk(point=7), Expression(text)).compute()
    xr.testing.assert_equal(lazy, found)


def test_a_formula_under_a_peak_and_above_a_decay_starts_by_itself():
    axis = coordinate("energy", ENERGY + 0.5, "eV")
    x = axis.values
    line = 4.0 * np.exp(-(((x - 6.0) / 0.3) ** 2) / 2)
    bump = 2.0 / (1 + ((x - 3.0) / 0.4) ** 2)
    decay = 5.0 * np.exp(-x / 2.0)
    noise = 0.02 * np.random.default_rng(0).standard_normal(len(x))
    data = xr.DataArray(line + decay + 1.0 + noise, {"energy": axis})
    model = Expression("a*exp(-x/b) + c") + Gaussian()
    found = fit_model(data, model)
    assert float(found["expression_b"]) == pytest.approx(2.0, abs=0.1)
    assert float(found["gaussian_centre"]) == pytest.approx(6.0, abs=0.02)
    data = xr.DataArray(bump + decay + noise, {"energy": axis})
    found = fit_model(data, Expression("h/(1 + ((x - u)/g)**2)") + Exponential())
    assert float(found["expression_u"]) == pytest.approx(3.0, abs=0.03)
    assert float(found["exponential_decay"]) == pytest.approx(2.0, abs=0.1)


def test_a_formula_that_says_nothing_of_a_parameter_asks_for_a_number():
    data, _ = weak_peaks((2, 2))
    text = "log(a + b*x)"
    with pytest.raises(DataError, match="expression_a needs a number to start from, as in"):
        fit_model(data, Expression(text))
    bounds = {"expression_a": (1.0, 5.0), "expression_b": (0.0, 2.0)}
    assert np.isfinite(fit_model(data, Expression(text), bounds=bounds)["expression_a"]).all()
