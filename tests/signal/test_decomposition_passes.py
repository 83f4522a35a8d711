"""Singular vectors by every route, and how often data are read for them."""

import dask
import numpy as np
import pytest
import xarray as xr
from tests.compute.test_passes import opened, peak_of

from omniscopy.signal import decompose, reconstruct
from omniscopy.signal.decomposition import singular


def low_rank(shape, rank=5, rng=0, *, noise=0.02, kind=float):
    """Return data of a few components of falling size, and noise."""
    rng = np.random.default_rng(rng)
    rows, columns = np.prod(shape[:-1]), shape[-1]
    sides = [rng.standard_normal((n, rank)).astype(kind) for n in (rows, columns)]
    if kind is complex:
        sides = [side + 1j * rng.standard_normal(side.shape) for side in sides]
    values = (sides[0] * 0.6 ** np.arange(rank)) @ sides[1].T + 3.0
    values += noise * rng.standard_normal(values.shape)
    return xr.DataArray(values.reshape(shape), dims=("y", "x", "energy"))


ROUTES = {
    "LAPACK": {},
    "Gram matrix of the channels": {"_SMALL": 0},
    "Gram matrix of the samples": {"_SMALL": 0, "_CHEAP": 0},
    "Krylov": {"_SMALL": 0, "_CHEAP": 0, "_SHORT": 0, "_REGISTER": 4, "_PER_VECTOR": 4},
    "Sketches": {
        "_SMALL": 0, "HELD": 0, "_LONGEST": 0, "_SHORT": 0, "_PER_VECTOR": 0, "_BEYOND": 4,
    },
}  # fmt: skip
TAKEN = {
    "Gram matrix of the channels": ["_by_gram_matrix"],
    "Krylov": ["_krylov_basis"],
    "Sketches": ["_by_sketches"],
}
SHAPES = {"Gram matrix of the channels": (20, 30, 90), "Sketches": (20, 30, 200)}


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("options", [{}, {"method": "pca"}, {"noise": "poisson"}])
@pytest.mark.parametrize("route", ROUTES)
def test_every_route_finds_the_singular_vectors(monkeypatch, route, options, kind):
    for name, value in ROUTES[route].items():
        monkeypatch.setattr(singular, name, value)
    taken = []
    for name in ("_by_gram_matrix", "_krylov_basis", "_by_sketches"):
        function = getattr(singular, name)

        def noted(*args, name=name, function=function):
            taken.append(name)
            return function(*args)

        monkeypatch.setattr(singular, name, noted)
    data = low_rank(SHAPES.get(route, (10, 12, 150)), kind=kind)
    matrix = data.values.reshape(-1, data.sizes["energy"])
    mean = matrix.mean(axis=0) if options.get("method") == "pca" else 0.0
    scale = np.ones(matrix.shape)
    if options.get("noise") == "poisson":
        rows, columns = (abs(matrix.mean(axis=axis)) for axis in (1, 0))
        scale = np.sqrt(np.outer(rows / columns.mean(), columns))
    left, expected, right = np.linalg.svd((matrix - mean) / scale, full_matrices=False)
    made = (left[:, :4] * expected[:4]) @ right[:4] * scale + mean
    for given in (data, data.chunk(y=3, x=11, energy=40)):
        found = decompose(given, 4, **options)
        np.testing.assert_allclose(found["singular_values"], expected[:4], rtol=1e-5)
        np.testing.assert_allclose(
            found["explained_variance_ratio"], expected[:4] ** 2 / np.sum(expected**2), rtol=1e-5
        )
        np.testing.assert_allclose(np.linalg.norm(found["components"], axis=1), 1.0)
        np.testing.assert_allclose(
            reconstruct(found).values.reshape(matrix.shape), made, atol=3e-3 * matrix.std()
        )
    assert {*taken} == {*TAKEN.get(route, [])}


def test_a_route_depends_on_the_shape_alone(monkeypatch):
    taken = []
    for name in ("_gathered", "_by_gram_matrix", "_by_sketches"):
        monkeypatch.setattr(singular, name, lambda *_, name=name: taken.append(name))
    import dask.array as da

    from omniscopy.signal.decomposition.matrices import Preparation, matrix_of

    shapes = (
        (100, 300),
        (20_000, 400),
        (16_384, 1024),
        (500, 100_000),
        (10**6, 4000),
        (10**5, 10**4),
    )
    for shape in shapes:
        data = xr.DataArray(da.zeros(shape, dtype="f4"), dims=("x", "energy"))
        singular.truncate(matrix_of(data, None), 8, Preparation(), 0)
    assert taken == [
        "_gathered", "_by_gram_matrix", "_gathered", "_gathered", "_by_gram_matrix", "_by_sketches",
    ]  # fmt: skip


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_random_sketches_are_as_good_as_those_of_scikit_learn(noise):
    from sklearn.utils.extmath import randomized_svd

    data = low_rank((30, 40, 900), rank=30, noise=noise)
    rows = data.values.reshape(1200, 900)
    theirs = randomized_svd(rows, 8, random_state=0)[1]
    exact = np.linalg.svd(rows, compute_uv=False)[:8]
    ours = decompose(data, 8)["singular_values"].values
    assert singular._short_side(8) < 900
    np.testing.assert_allclose(ours, exact, rtol=max(1e-7, 1.1 * np.max(1 - theirs / exact)))


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("power", [0.3, 0.7])
def test_singular_values_that_fall_slowly_are_found_in_any_units(monkeypatch, power, scale):
    from sklearn.utils.extmath import randomized_svd

    monkeypatch.setattr(singular, "_PER_VECTOR", 0)
    monkeypatch.setattr(singular, "_SHORT", 0)
    rng = np.random.default_rng(2)
    sides = [np.linalg.qr(rng.standard_normal((rows, 300)))[0] for rows in (1000, 300)]
    exact = scale * np.arange(1.0, 301.0) ** -power
    values = (sides[0] * exact) @ sides[1].T
    theirs = np.max(np.abs(randomized_svd(values, 8, random_state=0)[1] / exact[:8] - 1))
    ours = decompose(xr.DataArray(values, dims=("x", "energy")), 8)["singular_values"].values
    np.testing.assert_allclose(ours, exact[:8], rtol=theirs + 1e-9)


@pytest.mark.parametrize(
    ("method", "passes"),
    [("svd", 2), ("pca", 3), ("nmf", 2), ("ica", 3), ("nfindr", 3), ("nonnegative_cp", 2)],
)
def test_lazy_data_are_read_in_at_most_three_passes(monkeypatch, method, passes):
    monkeypatch.setattr(singular, "_SMALL", 0)
    file, data = opened((20, 60, 4, 10), ("y", "x", "bias", "energy"))
    found = decompose(data, 2, method=method, dim=("bias", "energy"))
    assert file.reads == 0
    found.compute()
    assert file.reads == 20 * passes


@pytest.mark.parametrize("options", [{}, {"method": "pca"}, {"method": "pca", "noise": "poisson"}])
def test_data_too_large_for_a_gram_matrix_are_read_three_times_and_never_held(monkeypatch, options):
    for name, value in (("HELD", 0), ("_SMALL", 0), ("_LONGEST", 1000)):
        monkeypatch.setattr(singular, name, value)
    for rows in (3, 240):  # the first time, modules are loaded
        file, data = opened((rows, 20, 4000), ("y", "x", "energy"))
        peak = peak_of(decompose(data, 2, **options).compute)
        assert file.reads == 3 * rows
    assert peak < 0.5 * data.nbytes


def test_functions_of_a_graph_hold_no_data():
    import pickle

    values = np.random.default_rng(0).random((40, 50, 60))
    data = xr.DataArray(values, dims=("y", "x", "energy")).chunk(y=10)
    for method in ("pca", "nmf"):
        graph = decompose(data, 2, method=method)["loadings"].data.dask
        own = {
            key: task for key, task in graph.items() if "made" in str(key) or "total" in str(key)
        }
        assert len(own) >= 4
        assert len(pickle.dumps(own)) < 0.1 * values.nbytes
    with dask.config.set(scheduler="synchronous"):
        decompose(data, 2).compute()
