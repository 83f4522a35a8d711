"""How many components are more than noise."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples
from omniscopy.model import DataError
from omniscopy.signal import decompose, estimate_rank

RULES = ("marchenko_pastur", "gavish_donoho", "elbow")


def with_noise(strengths, shape=(400, 60), sigma=2.0, rng=0):
    """Return components of these singular values, in units of the edge of the noise."""
    rng = np.random.default_rng(rng)
    edge = sigma * (np.sqrt(shape[0]) + np.sqrt(shape[1]))
    sides = [np.linalg.qr(rng.standard_normal((n, len(strengths))))[0] for n in shape]
    values = (sides[0] * edge * np.asarray(strengths)) @ sides[1].T
    values += sigma * rng.standard_normal(shape)
    return xr.DataArray(values, dims=("x", "energy"), attrs={"units": "V"})


def counts_of_three_phases(dose, rng=0):
    """Return counts of phases that share a strong line and differ in weak ones; and their means."""
    energy = np.linspace(0.0, 1.0, 128)

    def line(centre, height):
        return height * np.exp(-0.5 * ((energy - centre) / 0.015) ** 2)

    common = 3.0 * np.exp(-4.0 * energy) + line(0.15, 60.0)
    spectra = common + np.stack([line(0.5, 1.0), line(0.7, 1.2), line(0.85, 0.8)])
    y, x = np.mgrid[:40, :40] / 40
    fractions = np.stack([1.0 - 0.45 * (x + y), 0.9 * x, 0.9 * y], axis=-1)
    fractions /= fractions.sum(axis=-1, keepdims=True)
    counts = np.random.default_rng(rng).poisson(dose * fractions @ spectra)
    data = xr.DataArray(counts, dims=("y", "x", "energy"), attrs={"units": "counts"})
    return data, spectra, fractions


def overlap(found, spectra):
    """Return the smallest cosine between the space of spectra and that of three components."""
    components = found["components"].values[:3]
    sides = [np.linalg.qr(each.T)[0] for each in (spectra, components)]
    return np.linalg.svd(sides[0].T @ sides[1], compute_uv=False)[-1]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("rank", [1, 3, 5])
def test_strong_components_are_counted(rule, rank):
    data = with_noise(5.0 * 1.1 ** np.arange(rank))
    found = estimate_rank(decompose(data, 12), method=rule)
    assert int(found["rank"]) == rank
    np.testing.assert_allclose(found["noise"], 2.0, rtol=0.02)
    assert found["noise"].attrs["units"] == found["threshold"].attrs["units"] == "V"


@pytest.mark.parametrize("method", ["svd", "pca"])
def test_noise_alone_has_no_component_in_99_of_100_cases(method):
    ranks = [
        int(estimate_rank(decompose(with_noise([], (100, 40), rng=n), 6, method=method))["rank"])
        for n in range(100)
    ]
    assert sum(rank > 0 for rank in ranks) <= 4


def test_the_threshold_of_a_square_matrix_is_that_of_the_paper():
    noise = with_noise([], (300, 300), sigma=1.0)
    found = estimate_rank(decompose(noise, 5), method="gavish_donoho")
    np.testing.assert_allclose(
        found["threshold"] / found["noise"], 4 / np.sqrt(3) * np.sqrt(300), rtol=1e-6
    )


def test_what_is_better_left_out_is_not_counted():
    # Between the edge of the noise and the best threshold of a reconstruction, 1.155 of it.
    data = with_noise([3.0, 0.78], (500, 500))
    found = decompose(data, 6)
    assert 1.0 < float(found["singular_values"][1]) / (2 * 2 * np.sqrt(500)) < 1.1
    assert int(estimate_rank(found)["rank"]) == 2
    assert int(estimate_rank(found, method="gavish_donoho")["rank"]) == 1


def test_all_are_counted_where_none_is_noise():
    found = decompose(with_noise([9.0, 8.0, 7.0, 6.0]), 3)
    assert int(estimate_rank(found)["rank"]) == 3


@pytest.mark.parametrize("dose", [10.0, 30.0, 100.0])
def test_weights_find_the_phases_of_counts_where_plain_singular_values_do_not(dose):
    data, spectra, _ = counts_of_three_phases(dose)
    weighed, plain = decompose(data, 10, noise="poisson"), decompose(data, 10)
    found = estimate_rank(weighed)
    assert int(found["rank"]) == 3
    np.testing.assert_allclose(found["noise"], 1.0, rtol=0.02)
    assert overlap(weighed, spectra) > 0.8
    assert int(estimate_rank(plain)["rank"]) != 3
    assert overlap(plain, spectra) < 0.1


def test_lazy_results_give_a_lazy_rank():
    data, _, _ = counts_of_three_phases(3.0)
    rank = estimate_rank(decompose(data.chunk(y=10), 6, noise="poisson"))["rank"]
    assert rank.chunks is not None
    assert int(rank) == 3


def test_samples_without_data_do_not_count_as_samples():
    data = with_noise([5.0, 4.0])
    damaged = xr.concat([data, data[:300] * np.nan], "x")
    for name, values in estimate_rank(decompose(damaged, 8)).items():
        np.testing.assert_allclose(values, estimate_rank(decompose(data, 8))[name])


def test_says_what_it_needs():
    found = samples.decomposition()
    with pytest.raises(DataError, match=r"'elbow'\), got 'kaiser'"):
        estimate_rank(found, method="kaiser")
    with pytest.raises(DataError, match="expected a Dataset of components, loadings, singular_val"):
        estimate_rank(found.drop_vars("singular_values"))
    with pytest.raises(DataError, match="there are no components"):
        estimate_rank(found.isel(component=slice(0)))
