"""Decomposition into few components."""

from typing import get_args, get_type_hints

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples, simulate
from omniscopy.model import DataError, Status
from omniscopy.signal import decompose, reconstruct

METHODS = get_args(get_type_hints(decompose)["method"])


def channels_for(method):
    """Return the dimensions of a component: at least two where it is a product of factors."""
    return ("x", "energy_loss") if method in ("cp", "nonnegative_cp", "tucker") else "energy_loss"


@pytest.fixture
def exact():
    return simulate.spectrum_image((7, 9), noise=False)


def both(data, n_components, **options):
    lazy = data.chunk({dim: max(1, size // 3) for dim, size in data.sizes.items()})
    return decompose(data, n_components, **options), decompose(lazy, n_components, **options)


@pytest.mark.parametrize("noise", [None, "poisson"])
@pytest.mark.parametrize("method", ["svd", "pca"])
def test_data_of_rank_two_are_made_again_from_two_components(exact, method, noise):
    for found in both(exact, 2, method=method, noise=noise):
        made = reconstruct(found)
        assert made.dims == exact.dims
        np.testing.assert_allclose(made, exact, rtol=1e-6)
        np.testing.assert_allclose(found["explained_variance_ratio"].sum(), 1.0, rtol=1e-9)


def test_one_component_of_two_phases_is_their_difference_about_the_mean(exact):
    spectra, fractions = simulate.phase_spectra(), simulate.phase_map((7, 9))
    difference = (spectra[0] - spectra[1]).values
    difference *= np.sign(difference[np.argmax(abs(difference))]) / np.linalg.norm(difference)
    found = decompose(exact, 1, method="pca")
    np.testing.assert_allclose(found["components"][0], difference, atol=1e-9)
    np.testing.assert_allclose(found["mean"], exact.mean(["y", "x"]), rtol=1e-12)
    slope = np.polyfit(fractions.values.ravel(), found["loadings"].values.ravel(), 1)[0]
    change = float(abs(spectra[0] - spectra[1]).values @ np.ones(280))
    assert 0 < abs(slope) < change


@pytest.mark.parametrize("shape", [(7, 9), (3, 2)])
def test_singular_values_are_those_of_the_matrix(shape):
    data = simulate.spectrum_image(shape)
    matrix = data.values.astype(float).reshape(-1, data.sizes["energy_loss"])
    expected = np.linalg.svd(matrix, compute_uv=False)
    for found in both(data, 3):
        np.testing.assert_allclose(found["singular_values"], expected[:3], rtol=1e-9)
        np.testing.assert_allclose(
            found["explained_variance_ratio"], (expected**2 / np.sum(expected**2))[:3], rtol=1e-9
        )
        products = xr.dot(found["components"], found["components"].rename(component="other"),
                          dim="energy_loss")  # fmt: skip
        np.testing.assert_allclose(products, np.eye(3), atol=1e-8)


def test_the_largest_value_of_a_component_is_positive(exact):
    for found in both(exact + 0.1, 2):
        values = found["components"].values
        assert (values[np.arange(2), np.argmax(abs(values), axis=1)] > 0).all()


def test_complex_spectra_are_decomposed_too():
    data = samples.band_excitation()
    for found in both(data, 80):
        np.testing.assert_allclose(reconstruct(found), data, atol=1e-9)


def test_components_may_be_images():
    stack = samples.image_stack()
    found = decompose(stack, 2, dim=("y", "x"))
    assert found["components"].dims == ("component", "y", "x")
    assert found["loadings"].dims == ("frame", "component")
    assert reconstruct(found).dims == ("frame", "y", "x")


def test_weights_for_counts_find_a_weak_phase_that_bright_points_hide():
    rng = np.random.default_rng(5)
    channels, points = 60, 400
    bright = np.zeros(channels)
    bright[:5] = 1e5
    weak = np.zeros(channels)
    weak[30:45] = 12.0
    fraction = rng.random(points)
    mean = bright + 2.0 + fraction[:, None] * weak
    data = xr.DataArray(rng.poisson(mean), dims=("x", "energy")).assign_coords(
        energy=np.arange(channels, dtype=float)
    )

    def overlap(found):
        loading = found["loadings"].isel(component=0)
        return abs(float(np.corrcoef(loading, fraction)[0, 1]))

    assert overlap(decompose(data, 1, method="pca", noise="poisson")) > 0.9
    assert overlap(decompose(data, 1, method="pca")) < 0.5


@pytest.mark.parametrize("method", ["svd", "pca"])
def test_a_sample_that_is_not_finite_is_left_out_and_alone(exact, method):
    damaged = exact.copy(deep=True)
    damaged[2, 3, 17] = np.nan
    damaged[4, 4] = np.inf
    for found in both(damaged, 2, method=method):
        bad = np.isnan(found["loadings"]).any("component")
        assert int(bad.sum()) == 2
        assert bad[2, 3]
        assert (found["status"].values == np.where(bad, Status.NO_DATA, 0)).all()
        made = reconstruct(found)
        np.testing.assert_allclose(made.values[~bad.values], exact.values[~bad.values], rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_but_missing_data_is_said_of_data_in_memory_and_nan_of_lazy_ones(exact, method):
    with pytest.raises(DataError, match=r"0 of (63|7) samples are finite in all of their \d+ chan"):
        decompose(exact * np.nan, 2, method=method, dim=channels_for(method))
    found = decompose((exact * np.nan).chunk(y=3), 2, method=method, dim=channels_for(method))
    assert np.isnan(found["loadings"]).all()
    assert (found["status"] == Status.NO_DATA).all()


def test_units_are_those_of_the_data_and_of_pure_numbers():
    found = decompose(samples.spectrum_image().assign_attrs(units="V"), 2, method="pca")
    units = {name: variable.attrs["units"] for name, variable in found.items()}
    assert units == {
        "components": "1", "loadings": "V", "singular_values": "V", "mean": "V",
        "explained_variance_ratio": "1", "relative_error": "1", "status": "1",
    }  # fmt: skip
    made = reconstruct(found)
    assert made.attrs["units"] == "V"
    assert made.attrs["signal_type"] == "spectral_image"


def test_some_components_make_a_part():
    found = decompose(samples.spectrum_image(), 4)
    xr.testing.assert_allclose(reconstruct(found, 2), reconstruct(found, [0, 1]))
    parts = sum(reconstruct(found, [n]).drop_attrs() for n in range(4))
    xr.testing.assert_allclose(parts, reconstruct(found).drop_attrs())


def test_reconstruction_has_less_noise_than_the_data():
    exact, noisy = (simulate.spectrum_image(noise=noise) for noise in (False, True))
    made = reconstruct(decompose(noisy, 2, noise="poisson"))
    assert float(((made - exact) ** 2).mean()) < 0.05 * float(((noisy - exact) ** 2).mean())


@pytest.mark.parametrize(
    ("n_components", "options", "match"),
    [
        (0, {}, "from 1 to 6"),
        (7, {}, r"from 1 to 6 \(6 samples of 280 channels\), got 7"),
        ([2, 2], {}, "must be one number"),
        (2, {"method": "fastica"}, "method must be one of 'svd', 'pca', 'nmf'"),
        (2, {"dim": "bias"}, "missing"),
        (2, {"dim": ("y", "x", "energy_loss")}, "leave no samples"),
        (2, {"noise": "gaussian"}, "noise must be 'poisson' or None"),
        (2, {"noise": "poisson", "method": "cp"}, "'cp' would be another model with it"),
        (2, {"precision": "half"}, "precision must be"),
        (1, {"method": "nfindr"}, "at least 2 end members"),
        (2, {"method": "cp"}, "CP needs components of 2 dimensions or more"),
        (2, {"method": "kernel_pca", "kernel_width": 0.0}, "kernel_width must be above 0"),
        ([2, 1, 1], {"method": "tucker", "dim": ("x", "energy_loss")}, "more components of the s"),
        ([2, 4, 2], {"method": "tucker", "dim": ("x", "energy_loss")}, "of sizes"),
    ],
)
def test_says_what_is_wrong(n_components, options, match):
    with pytest.raises(DataError, match=match):
        decompose(simulate.spectrum_image((2, 3)), n_components, **options)


@pytest.mark.parametrize("method", METHODS)
def test_no_samples_and_no_channels_are_nothing_to_decompose(exact, method):
    for part, shape in (({"y": slice(0)}, "0 samples of"), ({"energy_loss": slice(0)}, "of 0 cha")):
        with pytest.raises(DataError, match=rf"nothing to decompose: .*{shape}"):
            decompose(exact.isel(part), 2, method=method, dim=channels_for(method))


@pytest.mark.parametrize(("method", "match"), [
    ("pca", "all samples are the same"), ("ica", "use method='svd'"), ("kernel_pca", "the same"),
])  # fmt: skip
def test_data_without_change_are_refused_where_their_mean_is_subtracted(exact, method, match):
    with pytest.raises(DataError, match=match):
        decompose(exact * 0 + exact[0, 0], 2, method=method)


def test_data_of_zeros_are_refused(exact):
    with pytest.raises(DataError, match="all values are 0"):
        decompose(exact * 0, 2)


@pytest.mark.parametrize("method", ["nmf", "nonnegative_cp"])
def test_negative_data_are_refused_by_non_negative_factors(exact, method):
    negative, dim = exact.copy(), channels_for(method)
    negative[1, 2, 3] = -4.0
    with pytest.raises(DataError, match=r"nowhere below 0, found -4; .* `data.clip\(min=0\)"):
        decompose(negative, 2, method=method, dim=dim)
    lazy = decompose(negative.chunk(y=3), 2, method=method, dim=dim)
    with pytest.raises(DataError, match="nowhere below 0"):
        lazy.compute()
    negative[1, 2] = np.nan
    decompose(negative, 2, method=method, dim=dim)


def test_complex_data_are_refused_where_they_have_no_meaning():
    with pytest.raises(DataError, match="expected real numbers, got complex128"):
        decompose(samples.band_excitation(), 2, method="nmf")


def test_a_dimension_of_the_result_is_not_taken_twice(exact):
    found = decompose(exact, 3)
    with pytest.raises(DataError, match="rename that of the data"):
        decompose(found["loadings"], 2, dim="component")
    turned = found["loadings"].rename(component="score")
    assert decompose(turned, 2, dim="score").sizes["score"] == 3


def test_a_large_kernel_is_refused_before_it_is_made():
    import dask.array as da

    data = xr.DataArray(da.zeros((100, 100, 9)), dims=("y", "x", "energy"))
    with pytest.raises(DataError, match="up to 8192 samples"):
        decompose(data, 2, method="kernel_pca")


def test_reconstruct_says_what_it_needs():
    found = decompose(samples.spectrum_image(), 2)
    with pytest.raises(DataError, match=r"expected a Dataset of components, loadings, got \['a"):
        reconstruct(xr.Dataset({"a": 1}))
    with pytest.raises(DataError, match="not among the 2"):
        reconstruct(found, [2])
    with pytest.raises(DataError, match="not among the 2"):
        reconstruct(found, 0)


def test_whole_components_and_loadings_are_multiplied_without_overflow(exact):
    found = decompose(exact, 2)
    whole = found.assign(
        {name: (found[name] * 0 + 300).astype(np.int16) for name in ("components", "loadings")}
    ).drop_vars("mean", errors="ignore")
    assert (reconstruct(whole) == 2 * 300.0**2).all()
