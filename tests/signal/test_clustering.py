"""Clusters of samples that are alike."""

import numpy as np
import pytest
import xarray as xr
from sklearn.cluster import DBSCAN, KMeans
from sklearn.metrics import adjusted_rand_score

from omniscopy import simulate
from omniscopy.io import replay
from omniscopy.model import DataError, Status, coordinate
from omniscopy.signal import cluster, decompose

ENERGY = np.linspace(0.0, 10.0, 30)


def spectra(rng=0, noise=0.5, sizes=(60, 40, 20)):
    """Return spectra of three lines, one each, in a random order; and which has which."""
    rng = np.random.default_rng(rng)
    truth = rng.permutation(np.repeat(np.arange(3), sizes))
    lines = np.exp(-0.5 * (ENERGY - np.array([[2.0], [4.0], [6.0]])) ** 2)
    values = 10.0 * lines[truth] + noise * rng.standard_normal((len(truth), 30))
    axes = {
        "y": coordinate("y", np.arange(10.0), "nm"),
        "x": coordinate("x", np.arange(12.0), "nm"),
        "energy": coordinate("energy", ENERGY, "eV"),
    }
    data = xr.DataArray(values.reshape(10, 12, 30), axes, attrs={"units": "counts"})
    return data, truth.reshape(10, 12), 10.0 * lines


@pytest.mark.parametrize("method", ["kmeans", "gmm", "agglomerative"])
@pytest.mark.parametrize("n_components", [None, 4])
def test_lines_are_sorted_by_where_they_are(method, n_components):
    data, truth, lines = spectra()
    for given in (data, data.chunk(y=3, x=5, energy=7)):
        found = cluster(given, 3, method=method, n_components=n_components)
        assert found["label"].dims == ("y", "x")
        assert adjusted_rand_score(truth.ravel(), found["label"].values.ravel()) == 1.0
        # Largest first, and the two lines that overlap side by side.
        np.testing.assert_array_equal(found["label"], truth)
        np.testing.assert_array_equal(found["size"], [60, 40, 20])
        np.testing.assert_allclose(found["centre"], lines, atol=5 * 0.5 / np.sqrt(20))
        assert found["centre"].attrs["units"] == found["spread"].attrs["units"] == "counts"
        assert float(found["silhouette"]) > 0.5


def test_the_spread_is_that_of_the_noise():
    data, _, _ = spectra(noise=0.5)
    found = cluster(data, 3)
    expected = 0.5 * np.sqrt(30 * (1 - 1 / found["size"]))
    np.testing.assert_allclose(found["spread"], expected, rtol=0.05)


@pytest.mark.parametrize("method", ["kmeans", "gmm", "agglomerative"])
def test_the_number_of_clusters_is_found(method):
    data, truth, _ = spectra()
    found = cluster(data, method=method)
    assert found.sizes["cluster"] == 3
    np.testing.assert_array_equal(found["label"], truth)
    lazy = cluster(data.chunk(y=5), method=method).compute()
    assert lazy.sizes["cluster"] == 12
    np.testing.assert_array_equal(lazy["label"], truth)
    assert np.isnan(lazy["centre"].isel(cluster=slice(3, None))).all()
    assert (lazy["size"].isel(cluster=slice(3, None)) == 0).all()


def test_chances_are_high_where_labels_are_and_add_up_to_one():
    data, truth, _ = spectra()
    chances = cluster(data, 3, method="gmm")["probability"]
    np.testing.assert_allclose(chances.sum("cluster"), 1.0)
    np.testing.assert_array_equal(chances.argmax("cluster"), truth)


def test_clusters_of_any_form_leave_a_background():
    data, truth, _ = spectra(noise=0.1)
    data[0, 0] = 500.0
    found = cluster(data, method="hdbscan")
    assert found["label"][0, 0] == -1
    assert found["status"][0, 0] == Status.CONVERGED
    kept = found["label"].values >= 0
    assert kept.sum() > 100
    assert adjusted_rand_score(truth[kept], found["label"].values[kept]) == 1.0


def test_any_estimator_of_scikit_learn_will_do():
    data, truth, _ = spectra(noise=0.1)
    estimator = DBSCAN(eps=2.0)
    found = cluster(data, method=estimator)
    np.testing.assert_array_equal(found["label"], truth)
    assert found.attrs["method"] == "DBSCAN"
    assert not hasattr(estimator, "labels_")
    same = cluster(data, 3, method=KMeans(3, n_init=4, random_state=0))
    np.testing.assert_array_equal(same["label"], truth)


def test_an_estimator_in_memory_cannot_be_replayed():
    found = cluster(simulate.spectrum_image((3, 4)), method=DBSCAN(eps=2.0))
    with pytest.raises(DataError, match="was not recorded"):
        replay(found)


def test_loadings_can_be_clustered():
    data, truth, _ = spectra()
    loadings = decompose(data, 3)["loadings"]
    found = cluster(loadings, 3, dim="component")
    np.testing.assert_array_equal(found["label"], truth)
    assert found["centre"].dims == ("cluster", "component")


def test_single_values_can_be_clustered():
    values = np.random.default_rng(0).normal([1.0, 5.0, 9.0], 0.1, (20, 3))
    image = xr.DataArray(values, dims=("y", "x"), attrs={"units": "V"})
    found = cluster(image, 3)
    assert found["centre"].dims == ("cluster",)
    np.testing.assert_allclose(np.sort(found["centre"]), [1.0, 5.0, 9.0], atol=0.1)
    np.testing.assert_array_equal(found["label"] == found["label"][0], True)


@pytest.mark.parametrize("n_components", [None, 4])
def test_a_sample_that_is_not_finite_is_left_out_and_alone(n_components):
    data, truth, _ = spectra()
    data[3, 4, 5] = np.nan
    for given in (data, data.chunk(y=3)):
        found = cluster(given, 3, n_components=n_components)
        assert found["label"][3, 4] == -1
        assert found["status"][3, 4] == Status.NO_DATA
        others = np.ones_like(truth, dtype=bool)
        others[3, 4] = False
        np.testing.assert_array_equal(found["label"].values[others], truth[others])
        assert int(found["size"].sum()) == 119


def test_nothing_but_missing_data_is_said_of_data_in_memory_and_nan_of_lazy_ones():
    data, _, _ = spectra()
    with pytest.raises(DataError, match="0 of 120 samples are finite"):
        cluster(data * np.nan, 3)
    found = cluster((data * np.nan).chunk(y=5), 3).compute()
    assert (found["label"] == -1).all()
    assert np.isnan(found["centre"]).all()


def test_constant_data_make_no_clusters():
    data = xr.DataArray(np.ones((6, 7, 5)), dims=("y", "x", "energy"))
    with pytest.raises(DataError, match="2 clusters cannot be made of 1 different"):
        cluster(data, 2)


@pytest.mark.parametrize(
    ("arguments", "options", "match"),
    [
        ((0,), {}, "from 1 to 120, the number of samples; got 0"),
        ((121,), {}, "from 1 to 120"),
        ((3,), {"method": "spectral"}, "one of 'kmeans', 'gmm', .* or an estimator with `fit_pre"),
        ((3,), {"method": 5}, "got 5"),
        ((3,), {"n_components": 31}, r"from 1 to 30 \(120 samples of 30 channels\), got 31"),
        ((3,), {"dim": "bias"}, "missing"),
        ((3,), {"dim": ("y", "x", "energy")}, "leave no samples"),
        ((2,), {"method": DBSCAN(eps=2.0)}, "3 clusters were found; give n_clusters=3 or more"),
    ],
)
def test_says_what_is_wrong(arguments, options, match):
    with pytest.raises(DataError, match=match):
        cluster(spectra(noise=0.1)[0], *arguments, **options)


def test_too_many_values_are_refused_before_they_are_read():
    import dask.array as da

    data = xr.DataArray(da.zeros((1000, 1000, 1000)), dims=("y", "x", "energy"))
    with pytest.raises(DataError, match="as with `n_components=16`"):
        cluster(data, 3)
    with pytest.raises(DataError, match="takes up to 20000 samples"):
        cluster(data[:, :30, :3], 3, method="agglomerative")
    with pytest.raises(DataError, match="a dimension 'cluster' of its own"):
        cluster(data.rename(y="cluster"), 3, n_components=2)
