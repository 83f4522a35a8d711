"""Fractions of known spectra."""

import numpy as np
import pytest
import scipy.optimize
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from omniscopy import simulate
from omniscopy.model import DataError, Status, coordinate
from omniscopy.signal import unmix
from omniscopy.signal.simplex import fit_fractions

PHASES = simulate.phase_spectra()


@pytest.fixture
def exact():
    return simulate.spectrum_image((7, 9), noise=False)


def by_a_loop(rows, corners, *, positive, closed, weight=1e4):
    """Return fractions one sample at a time, the sum as one more channel of great weight.

    A greater one loses digits where SciPy solves by normal equations, as 1.13 does.
    """
    scale = np.abs(corners).max()
    if closed:
        corners = np.column_stack([corners, np.full(len(corners), weight * scale)])
        rows = np.column_stack([rows, np.full(len(rows), weight * scale)])
    if positive:
        return np.array([scipy.optimize.nnls(corners.T, row)[0] for row in rows])
    return np.array([np.linalg.lstsq(corners.T, row, rcond=None)[0] for row in rows])


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("closed", [True, False])
@given(count=st.integers(1, 6), more=st.integers(0, 20), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_fractions_are_those_of_a_loop_over_samples(positive, closed, count, more, seed):
    rng = np.random.default_rng(seed)
    corners = rng.random((count, count + more)) + np.eye(count, count + more)
    rows = rng.dirichlet(np.full(count, 0.5), 20) @ corners
    rows += 0.2 * rng.standard_normal(rows.shape)
    found = fit_fractions(rows, corners, positive=positive, closed=closed)
    np.testing.assert_allclose(
        found.values, by_a_loop(rows, corners, positive=positive, closed=closed), atol=1e-6
    )
    np.testing.assert_allclose(
        found.squares, np.sum((rows - found.values @ corners) ** 2, axis=1), atol=1e-10
    )
    if closed:
        np.testing.assert_allclose(found.values.sum(axis=1), 1.0, atol=1e-12)


def test_exact_mixtures_are_taken_apart(exact):
    fractions = simulate.phase_map((7, 9))
    for data in (exact, exact.chunk(y=2, x=4, energy_loss=100)):
        found = unmix(data, PHASES)
        np.testing.assert_allclose(found["abundance"].sel(component=0), fractions, atol=1e-9)
        np.testing.assert_allclose(found["abundance"].sum("component"), 1.0, atol=1e-12)
        assert (found["residual"] < 1e-4).all()
        assert (found["status"] == 0).all()


def test_the_scatter_over_noisy_copies_is_the_standard_deviation_reported():
    rng = np.random.default_rng(3)
    spectra = PHASES.isel(energy_loss=slice(60, 120))
    mean = 0.3 * spectra[0] + 0.7 * spectra[1]
    noise = 8.0 * xr.DataArray(rng.standard_normal((3000, 60)), dims=("x", "energy_loss"))
    for options in ({}, {"sum_to_one": False}):
        found = unmix(mean + noise, spectra, **options)
        np.testing.assert_allclose(
            found["abundance"].std("x"), found["abundance_std"].mean("x"), rtol=0.05
        )
        away = abs(found["abundance"].mean("x") - [0.3, 0.7])
        assert (away < 0.1 * found["abundance_std"].mean("x")).all()
    np.testing.assert_allclose(found["residual"].mean(), 8.0, rtol=0.03)


def test_what_is_not_there_is_nought_and_has_no_deviation(exact):
    spectra = (1.2 * PHASES[0] - 0.2 * PHASES[1]).assign_attrs(units="counts")
    found = unmix(spectra.expand_dims(x=3), PHASES)
    np.testing.assert_allclose(found["abundance"], [[1.0, 0.0]] * 3, atol=1e-12)
    assert np.isnan(found["abundance_std"].sel(component=1)).all()
    free = unmix(spectra.expand_dims(x=3), PHASES, nonnegative=False)
    np.testing.assert_allclose(free["abundance"], [[1.2, -0.2]] * 3, atol=1e-9)


def test_a_spectrum_that_is_not_finite_is_nan_and_alone(exact):
    damaged = exact.copy(deep=True)
    damaged[2, 3, 17] = np.nan
    for data in (damaged, damaged.chunk(y=2)):
        found = unmix(data, PHASES)
        bad = found["status"] == Status.NO_DATA
        assert int(bad.sum()) == 1
        assert bad[2, 3]
        for name in ("abundance", "abundance_std", "residual"):
            assert np.isnan(found[name][2, 3]).all()
        np.testing.assert_allclose(
            found["abundance"].sel(component=0).values[~bad],
            simulate.phase_map((7, 9)).values[~bad], atol=1e-9,
        )  # fmt: skip


def test_the_same_spectrum_twice_has_no_answer(exact):
    twice = xr.concat([PHASES[0], PHASES[0]], "phase")
    found = unmix(exact, twice, sum_to_one=False)
    assert (found["status"] == Status.SINGULAR).all()
    assert np.isnan(found["abundance"]).all()


def test_end_members_in_other_units_are_brought_to_those_of_the_data(exact):
    kilo = (PHASES / 1e3).assign_attrs(units="kV")
    found = unmix(exact.assign_attrs(units="V"), kilo)
    np.testing.assert_allclose(found["abundance"][..., 0], simulate.phase_map((7, 9)), atol=1e-9)
    assert found["abundance"].attrs["units"] == "1"
    amounts = unmix(exact, (PHASES / 1e3).assign_attrs(units="1"), sum_to_one=False)
    assert amounts["abundance"].attrs["units"] == "counts"
    np.testing.assert_allclose(amounts["abundance"].sum("component"), 1e3, rtol=1e-9)


def test_end_members_may_be_images():
    rng = np.random.default_rng(0)
    known = xr.DataArray(rng.random((3, 6, 5)), dims=("motif", "y", "x"))
    weights = xr.DataArray(rng.dirichlet([1, 1, 1], 8), dims=("frame", "motif"))
    found = unmix(xr.dot(weights, known, dim="motif"), known, dim=("y", "x"))
    np.testing.assert_allclose(found["abundance"].transpose("frame", "motif"), weights, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "options", "match"),
    [
        (lambda e: e.rename(component="y"), {}, "one dimension that the data do not have"),
        (lambda e: e.isel(component=0, drop=True), {}, "one dimension that the data do not have"),
        (lambda e: e.rename(energy_loss="energy"), {}, r"\['energy_loss'\] missing"),
        (lambda e: e.isel(energy_loss=slice(9)), {}, "different points of 'energy_loss'; bring"),
        (lambda e: e.assign_attrs(units="nm"), {}, "'nm', which cannot make data in 'counts'"),
        (lambda e: e.assign_attrs(units="1"), {}, "with `sum_to_one=False`"),
        (lambda e: e * 1j, {}, "expected real numbers"),
        (lambda e: e.isel(component=slice(0)), {}, "0 end members cannot be told apart"),
        (lambda e: e.values, {}, "expected a labelled array"),
    ],
)
def test_says_what_is_wrong(exact, change, options, match):
    changed = change(PHASES)
    if isinstance(changed, xr.DataArray) and "units" not in changed.attrs:
        changed = changed.assign_attrs(units="counts")
    with pytest.raises(DataError, match=match):
        unmix(exact, changed, **options)


def test_more_end_members_than_channels_are_refused(exact):
    few = exact.isel(energy_loss=slice(2))
    known = few.isel(y=0, x=slice(4)).rename(x="phase")
    with pytest.raises(DataError, match="4 end members cannot be told apart in 2 channels"):
        unmix(few, known)
    coordinates = {"phase": coordinate("component", np.arange(3), "1").values}
    three = known.isel(phase=slice(3)).assign_coords(coordinates)
    assert unmix(few, three)["abundance"].sizes["phase"] == 3
