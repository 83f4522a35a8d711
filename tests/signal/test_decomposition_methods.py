"""Non-negative factors, sources, end members, kernels, tensors: known mixtures are found again."""

from typing import get_args, get_type_hints

import numpy as np
import pytest
import sklearn.decomposition
import xarray as xr

from omniscopy import samples
from omniscopy.model import DataError, Status, coordinate
from omniscopy.signal import decompose, reconstruct, rotate_components
from omniscopy.signal.decomposition import independent

METHODS = get_args(get_type_hints(decompose)["method"])
TENSORS = ("cp", "nonnegative_cp", "tucker")
CHANNELS = 40
ENERGY = np.linspace(0.0, 1.0, CHANNELS)
LINES = np.exp(-0.5 * ((ENERGY - np.array([[0.2], [0.45], [0.8]])) / 0.08) ** 2)
LINES /= np.linalg.norm(LINES, axis=1, keepdims=True)


def labelled(rows, shape=(12, 15), units="counts"):
    axes = {
        "y": coordinate("y", 0.5 * np.arange(shape[0]), "nm"),
        "x": coordinate("x", 0.5 * np.arange(shape[1]), "nm"),
        "energy": coordinate("energy", ENERGY, "eV"),
    }
    return xr.DataArray(rows.reshape(*shape, -1), axes, attrs={"units": units})


def weights(rng=0, *, alpha=0.3, points=180):
    """Return fractions with sum 1, of which some are of one line alone."""
    fractions = np.random.default_rng(rng).dirichlet(np.full(3, alpha), points)
    fractions[:3] = np.eye(3)
    return fractions


def match(found, truth):
    """Return the cosines between rows and those of the truth, each with its best match."""
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (found, truth)]
    return np.abs(unit[0] @ unit[1].T).max(axis=0)


def by_method(data, method, n_components=3, **options):
    dim = ("x", "energy") if method in TENSORS else None
    # Fractions add up to 1: without the mean, there are two sources.
    n_components -= method == "ica"
    return decompose(data, n_components, method=method, dim=dim, **options)


@pytest.fixture
def noisy():
    rows = 20.0 * weights() @ LINES + 1.0
    return labelled(rows + 0.05 * np.random.default_rng(1).random(rows.shape))


@pytest.mark.parametrize("method", METHODS)
def test_any_chunks_and_any_order_of_dimensions_give_the_same(noisy, method):
    if method in TENSORS:
        noisy = noisy.isel(x=slice(5), energy=slice(None, None, 3))
    expected = by_method(noisy, method)
    for given in (noisy.chunk(y=5, x=4, energy=7), noisy.transpose("energy", "x", "y")):
        found = by_method(given, method)
        for name, values in expected.items():
            np.testing.assert_allclose(
                found[name].transpose(*values.dims), values, err_msg=name,
                rtol=1e-6, atol=1e-6 * float(abs(values).max()),
            )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_a_sample_that_is_not_finite_is_left_out_and_alone(noisy, method):
    if method not in TENSORS:
        noisy = noisy.stack(point=("y", "x")).drop_vars(["point", "y", "x"]).transpose("point", ...)
    damaged = noisy.copy(deep=True)
    damaged[3, ..., 17] = np.nan
    first = damaged.dims[0]
    expected = by_method(noisy.drop_isel({first: 3}), method)
    close = 1e-4 if method == "cp" else 1e-6
    for given in (damaged, damaged.chunk({first: 5, "energy": 7})):
        found = by_method(given, method).compute()
        assert (found["status"] == np.where(np.arange(noisy.shape[0]) == 3, 4, 0)).all()
        assert np.isnan(found["loadings"][3]).all()
        np.testing.assert_allclose(found["components"], expected["components"], atol=close)
        np.testing.assert_allclose(
            found["loadings"].drop_isel({first: 3}),
            expected["loadings"],
            rtol=close,
            atol=10 * close,
        )


@pytest.mark.parametrize("method", METHODS)
def test_what_is_left_is_the_relative_error(noisy, method):
    for noise in (None, "poisson"):
        if noise and method not in ("svd", "pca", "nmf", "ica"):
            continue
        found = by_method(noisy, method, noise=noise)
        made = reconstruct(found)
        subtracted = noisy.mean(("y", "x")) if method in (
            "pca", "ica", "nfindr", "kernel_pca") else 0.0  # fmt: skip
        if noise is None:
            left = ((noisy - made) ** 2).sum() / ((noisy - subtracted) ** 2).sum()
            np.testing.assert_allclose(found["relative_error"] ** 2, left, rtol=0.01, atol=1e-7)
        assert (found["status"] == 0).all()
        assert {*found["loadings"].dims} == ({"y"} if method in TENSORS else {"y", "x"}) | {
            "component"
        }


@pytest.mark.parametrize("noise", [None, "poisson"])
def test_exact_non_negative_factors_are_found(noise):
    fractions = weights(alpha=0.2)
    found = decompose(labelled(50.0 * fractions @ LINES), 3, method="nmf", noise=noise)
    assert (found["loadings"] >= 0).all()
    assert (found["components"] >= 0).all()
    np.testing.assert_allclose(found["components"].sum("energy"), 1.0)
    assert float(found["relative_error"]) < 2e-3
    assert match(found["components"].values, LINES).min() > 0.9995
    # With components of sum 1, loadings add up to the counts of a sample.
    np.testing.assert_allclose(
        found["loadings"].sum("component"),
        labelled(50.0 * fractions @ LINES).sum("energy"), rtol=0.01,
    )  # fmt: skip


@pytest.mark.parametrize("dose", [0.3, 5.0, 200.0])
def test_non_negative_factors_are_as_close_as_those_of_scikit_learn(dose):
    rows = np.random.default_rng(2).poisson(dose * weights(points=180) @ LINES * 5.0)
    reference = sklearn.decomposition.NMF(3, init="nndsvda", max_iter=3000, tol=1e-6)
    loadings = reference.fit_transform(rows.astype(float))
    theirs = np.linalg.norm(rows - loadings @ reference.components_)
    found = decompose(labelled(rows), 3, method="nmf")
    ours = np.linalg.norm(labelled(rows) - reconstruct(found))
    assert ours < theirs * (1 + 1e-3)
    np.testing.assert_allclose(found["relative_error"], ours / np.linalg.norm(rows), rtol=2e-3)


def test_independent_sources_are_found():
    rng = np.random.default_rng(3)
    sources = np.column_stack([rng.uniform(-1.7, 1.7, 3000), rng.laplace(scale=0.7, size=3000)])
    mixed = sources @ LINES[:2] + 4.0
    found = decompose(labelled(mixed, (50, 60), "V"), 2, method="ica")
    recovered = found["loadings"].values.reshape(-1, 2)
    assert match(recovered.T, sources.T - sources.T.mean(axis=1, keepdims=True)).min() > 0.999
    assert match(found["components"].values, LINES[:2]).min() > 0.999
    np.testing.assert_allclose(np.linalg.norm(found["components"], axis=1), 1.0)
    np.testing.assert_allclose(reconstruct(found), mixed.reshape(50, 60, -1), atol=1e-9)
    assert found["loadings"].attrs["units"] == "V"
    principal = decompose(labelled(mixed, (50, 60)), 2, method="pca")
    assert match(principal["loadings"].values.reshape(-1, 2).T, sources.T).min() < 0.95


def test_end_members_are_the_pure_samples_and_fractions_add_up_to_one():
    fractions = weights(alpha=1.0)
    data = labelled(30.0 * fractions @ LINES + 2.0)
    found = decompose(data, 3, method="nfindr")
    order = np.argmax((found["components"].values - 2.0) @ LINES.T, axis=1)
    assert {*order} == {0, 1, 2}
    np.testing.assert_allclose(found["components"], 30.0 * LINES[order] + 2.0, atol=1e-8)
    np.testing.assert_allclose(
        found["loadings"].values.reshape(-1, 3), fractions[:, order], atol=1e-8
    )
    np.testing.assert_allclose(found["position_y"], 0.0)
    np.testing.assert_allclose(found["position_x"], 0.5 * order)
    units = [found[name].attrs["units"] for name in ("components", "loadings", "position_x")]
    assert units == ["counts", "1", "nm"]
    made = reconstruct(found)
    assert made.attrs["units"] == "counts"
    np.testing.assert_allclose(made, data, atol=1e-8)


def test_end_members_of_noisy_mixtures_are_near():
    fractions = weights(alpha=0.4)
    rng = np.random.default_rng(4)
    rows = 30.0 * fractions @ LINES + rng.standard_normal((180, CHANNELS))
    found = decompose(labelled(rows), 3, method="nfindr")
    assert match(found["components"].values, LINES).min() > 0.99
    order = np.argmax(found["components"].values @ LINES.T, axis=1)
    error = found["loadings"].values.reshape(-1, 3) - fractions[:, order]
    assert np.sqrt(np.mean(error**2)) < 0.06


def test_components_of_a_kernel_are_those_of_scikit_learn():
    rng = np.random.default_rng(5)
    angle, radius = rng.uniform(0, 2 * np.pi, 180), np.repeat([1.0, 3.0], 90)
    rows = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    width = 1.2
    found = decompose(
        labelled(rows @ np.random.default_rng(6).standard_normal((2, CHANNELS))), 2,
        method="kernel_pca",
    )  # fmt: skip
    assert np.isfinite(found["loadings"]).all()
    data = xr.DataArray(rows, dims=("x", "energy"), attrs={"units": "V"})
    found = decompose(data, 2, method="kernel_pca", kernel_width=width)
    reference = sklearn.decomposition.KernelPCA(2, kernel="rbf", gamma=0.5 / width**2)
    expected = reference.fit_transform(rows)
    np.testing.assert_allclose(abs(found["loadings"]), abs(expected), atol=1e-6)
    # What separates the two rings is no direction in the plane.
    inner, outer = (found["loadings"][part] for part in (slice(90), slice(90, None)))
    apart = abs(inner.mean("x") - outer.mean("x")) / (inner.std("x") + outer.std("x"))
    assert apart.max() > 2.0


def test_a_wide_kernel_gives_principal_components(noisy):
    wide = decompose(noisy, 2, method="kernel_pca", kernel_width=1e4)
    principal = decompose(noisy, 2, method="pca")
    np.testing.assert_allclose(reconstruct(wide), reconstruct(principal), rtol=1e-3)
    np.testing.assert_allclose(wide["mean"], principal["mean"])


@pytest.mark.parametrize("method", ["cp", "nonnegative_cp"])
def test_products_of_factors_are_found_again(method):
    rng = np.random.default_rng(7)
    factors = [rng.random((size, 3)) + 0.05 for size in (30, 14, 18)]
    if method == "cp":
        factors = [factor - 0.5 for factor in factors]
    values = np.einsum("ak,bk,ck->abc", *factors)
    noise = 0.01 * np.sqrt(np.mean(values**2)) * rng.standard_normal(values.shape)
    if method == "nonnegative_cp":
        noise = abs(noise)
    data = xr.DataArray(values + noise, dims=("x", "bias", "frequency"), attrs={"units": "V"})
    found = decompose(data, 3, method=method, dim=("bias", "frequency"))
    for name, truth in zip(("loadings", "factor_bias", "factor_frequency"), factors, strict=True):
        assert match(found[name].values.T, truth.T).min() > 0.999
    np.testing.assert_allclose(found["relative_error"], 0.01, rtol=0.5)
    product = found["factor_bias"] * found["factor_frequency"]
    np.testing.assert_allclose(
        found["components"], product.transpose(*found["components"].dims), atol=1e-9
    )
    assert found["factor_bias"].dims == ("bias", "component")
    if method == "nonnegative_cp":
        assert min(float(found[name].min()) for name in ("loadings", "factor_bias")) >= 0


def test_products_of_two_dimensions_of_samples_and_three_of_channels():
    rng = np.random.default_rng(8)
    factors = [rng.standard_normal((size, 2)) for size in (20, 5, 6, 7)]
    values = np.einsum("ak,bk,ck,dk->abcd", *factors).reshape(4, 5, 5, 6, 7)
    data = xr.DataArray(values, dims=("y", "x", "cycle", "bias", "frequency"))
    found = decompose(data, 2, method="cp", dim=("cycle", "bias", "frequency"))
    np.testing.assert_allclose(reconstruct(found), values, atol=1e-6)
    assert match(found["factor_cycle"].values.T, factors[1].T).min() > 1 - 1e-9


def test_a_core_of_low_rank_is_found_again():
    rng = np.random.default_rng(9)
    core = rng.standard_normal((3, 2, 4))
    values = np.einsum(
        "abc,ia,jb,kc->ijk", core, *(rng.random((n, r)) for n, r in ((30, 3), (14, 2), (18, 4)))
    )
    data = xr.DataArray(values, dims=("x", "bias", "frequency"), attrs={"units": "V"})
    found = decompose(data, (3, 2, 4), method="tucker", dim=("bias", "frequency"))
    np.testing.assert_allclose(reconstruct(found), values, atol=1e-9)
    assert found["core"].dims == ("component", "component_bias", "component_frequency")
    assert found["core"].shape == (3, 2, 4)
    made = xr.dot(found["core"], found["factor_bias"], found["factor_frequency"],
                  dim=["component_bias", "component_frequency"])  # fmt: skip
    np.testing.assert_allclose(
        made.transpose(*found["components"].dims), found["components"], atol=1e-9
    )
    products = xr.dot(found["components"], found["components"].rename(component="other"),
                      dim=["bias", "frequency"])  # fmt: skip
    np.testing.assert_allclose(products, np.eye(3), atol=1e-9)
    other = decompose(data, (3, 4, 2), method="tucker", dim=("frequency", "bias"))
    assert other["core"].sizes["component_bias"] in (2, 4)


def test_turning_keeps_the_product_and_finds_lines_that_singular_vectors_mix():
    rng, energy = np.random.default_rng(10), np.linspace(0.0, 1.0, 300)
    lines = np.exp(-0.5 * ((energy - np.array([[0.2], [0.45], [0.8]])) / 0.03) ** 2)
    rows = 20.0 * weights(alpha=0.5) @ lines + 0.01 * rng.random((180, 300))
    data = xr.DataArray(rows.reshape(12, 15, 300), dims=("y", "x", "energy"))
    found = decompose(data, 5)
    assert match(found["components"].values[:3], lines).min() < 0.8
    for given in (found, found.chunk(y=5, component=2)):
        for options in ({"method": "varimax"}, {"method": "ica", "derivative": 1}):
            turned = rotate_components(given, 3, **options)
            np.testing.assert_allclose(reconstruct(turned), reconstruct(found, 3), atol=1e-8)
            assert match(turned["components"].values, lines).min() > 0.9999
            np.testing.assert_allclose(np.linalg.norm(turned["components"], axis=1), 1.0)
            values = turned["components"].values
            assert (values[np.arange(3), np.argmax(abs(values), axis=1)] > 0).all()


def test_a_turn_that_does_not_end_says_so(noisy, monkeypatch):
    monkeypatch.setattr(independent, "_STEPS", 2)
    for turned in (rotate_components(decompose(noisy, 2)), decompose(noisy, 2, method="ica")):
        assert int(turned["steps"]) == 2
        assert (turned["status"] == Status.MAX_STEPS).all()


def test_a_turn_for_independent_loadings_is_that_of_the_method(noisy):
    principal = decompose(noisy, 2, method="pca")
    turned = rotate_components(principal, on="loadings")
    expected = decompose(noisy, 2, method="ica")
    assert match(turned["components"].values, expected["components"].values).min() > 1 - 1e-6
    np.testing.assert_allclose(reconstruct(turned), reconstruct(principal), rtol=1e-9)
    np.testing.assert_allclose(
        turned["explained_variance_ratio"].sum(), principal["explained_variance_ratio"].sum(),
        rtol=1e-6,
    )  # fmt: skip


def test_a_turn_leaves_samples_without_data_out(noisy):
    noisy[2, 3] = np.nan
    for on in ("components", "loadings"):
        turned = rotate_components(decompose(noisy, 2), on=on)
        bad = np.isnan(turned["loadings"]).any("component")
        assert int(bad.sum()) == 1
        assert (turned["status"] == np.where(bad, Status.NO_DATA, 0)).all()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"method": "quartimax"}, "method must be 'ica' or 'varimax'"),
        ({"on": "both"}, "on 'components' or 'loadings'"),
        ({"components": 4}, "not among the 3"),
        ({"derivative": 279}, "at least 3 are needed"),
        ({"derivative": -1}, "derivative must be 0 or more, got -1"),
    ],
)
def test_a_turn_says_what_is_wrong(options, match):
    with pytest.raises(DataError, match=match):
        rotate_components(samples.decomposition(), **options)
    with pytest.raises(DataError, match="expected real numbers"):
        rotate_components(decompose(samples.band_excitation(), 2))


def test_the_same_seed_gives_the_same_and_generators_are_taken(noisy):
    one, other = (decompose(noisy, 3, method="ica", rng=np.random.default_rng(3)) for _ in range(2))
    xr.testing.assert_identical(one.drop_attrs(), other.drop_attrs())


def test_single_precision_is_stated_and_close(noisy):
    for method in ("svd", "pca"):
        double, single = (
            decompose(noisy, 3, method=method, precision=each) for each in ("double", "single")
        )
        assert single["loadings"].dtype == single["components"].dtype == np.float32
        np.testing.assert_allclose(reconstruct(single), reconstruct(double), rtol=1e-4)


def test_components_in_half_precision_are_turned_as_those_in_single(noisy):
    made = decompose(noisy, 2)
    half = made.assign({name: made[name].astype("f2") for name in ("loadings", "components")})
    single = half.assign({name: half[name].astype("f4") for name in ("loadings", "components")})
    one, other = (rotate_components(each)["components"].values for each in (half, single))
    np.testing.assert_allclose(one, other, atol=0.02 * np.abs(other).max())
