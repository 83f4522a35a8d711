"""Points, grids and lines."""

import numpy as np
import pytest
import scipy.interpolate
import scipy.sparse
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from omniscopy import samples, simulate, validate
from omniscopy.model import DataError, Status, coordinate, status_attrs
from omniscopy.signal import fold, interpolate, to_grid, to_line, to_points, unfold
from omniscopy.signal.natural_neighbours import natural_weights

BETWEEN = ["linear", "natural", "cubic", "nearest"]


def cloud(y, x, values, units=("nm", "nm"), **attrs):
    values = np.asarray(values)
    coords = {
        "point": coordinate("point", np.arange(len(y)), "1"),
        "y": ("point", np.asarray(y), {"units": units[0]}),
        "x": ("point", np.asarray(x), {"units": units[1]}),
    }
    dims = ("cycle", "point")[-values.ndim :]
    if values.ndim == 2:
        coords["cycle"] = coordinate("cycle", np.arange(len(values)), "1")
    return xr.DataArray(values, coords, dims=dims, attrs={"units": "V", **attrs})


def scattered(count=60, seed=0):
    y, x = np.random.default_rng(seed).uniform(-1.0, 1.0, (2, count))
    return y, x


def clipped(polygon, normal, limit):
    """Return the part of a convex polygon where normal · r <= limit."""
    kept = []
    for one, two in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        a, b = one @ normal - limit, two @ normal - limit
        if a <= 0:
            kept.append(one)
        if a * b < 0:
            kept.append(one + (two - one) * a / (a - b))
    return np.array(kept).reshape(-1, 2)


def stolen_areas(points, place):
    """Return Sibson's weights by cutting Voronoi cells out of a large square."""
    cell = 50.0 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    for point in points:
        cell = clipped(cell, point - place, 0.5 * (point @ point - place @ place))
    areas = []
    for number, point in enumerate(points):
        part = cell
        for other in np.delete(points, number, axis=0):
            part = clipped(part, other - point, 0.5 * (other @ other - point @ point))
        x, y = part.T
        areas.append(0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
    return np.array(areas) / np.sum(areas)


def weights_of(points, places):
    triangles = Delaunay(points)
    found = triangles.find_simplex(places, tol=1e-9)
    begins, members, weights = natural_weights(
        points, triangles.simplices, triangles.neighbors, places, found
    )
    matrix = scipy.sparse.csr_matrix((weights, members, begins), (len(places), len(points)))
    return matrix.toarray(), found


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_natural_neighbours_weigh_what_they_lose_of_their_cells(seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-1.0, 1.0, (14, 2))
    corners = np.array([[-9.0, -9.0], [9.0, -9.0], [9.0, 9.0], [-9.0, 9.0]])
    points = np.concatenate([points, corners])
    place = rng.uniform(-0.8, 0.8, 2)
    (weights,), _ = weights_of(points, place[None])
    np.testing.assert_allclose(weights, stolen_areas(points, place), atol=1e-9)


def grid_points(rotation=0.0):
    x, y = np.meshgrid(np.arange(6.0), np.arange(5.0))
    turn = np.array([[np.cos(rotation), -np.sin(rotation)], [np.sin(rotation), np.cos(rotation)]])
    return np.stack([x, y], axis=-1).reshape(-1, 2) @ turn


ARRANGEMENTS = {
    "random": np.random.default_rng(3).uniform(0, 5, (80, 2)),
    "grid": grid_points(),
    "turned grid": grid_points(0.6),
    "circle": np.stack([np.cos(np.arange(24) * np.pi / 12), np.sin(np.arange(24) * np.pi / 12)], 1),
    "spiral": np.stack([simulate.point_cloud()[axis].values for axis in ("x", "y")], axis=1),
    "rounded grid": grid_points(0.2) + 1e5,
    "rounded more": grid_points(0.2) + 1e8,
}


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_natural_neighbours_keep_a_plane_and_never_leave_the_range(name):
    points = ARRANGEMENTS[name]
    points = points - points.mean(axis=0)
    low, high = points.min(axis=0), points.max(axis=0)
    x, y = np.meshgrid(*(np.linspace(low[k], high[k], 41) for k in range(2)))
    places = np.concatenate([np.stack([x, y], axis=-1).reshape(-1, 2), points,
                             0.5 * (points[1:] + points[:-1])])  # fmt: skip
    weights, found = weights_of(points, places)
    inside = found >= 0
    np.testing.assert_allclose(weights[inside] @ points, places[inside], atol=1e-9 * np.ptp(points))
    np.testing.assert_allclose(weights[inside].sum(axis=1), 1.0)
    assert weights.min() >= -1e-12
    assert (weights[~inside] == 0).all()
    at_points = weights[x.size : x.size + len(points)]
    np.testing.assert_allclose(at_points, np.eye(len(points)), atol=1e-6)


@pytest.mark.parametrize("method", ["linear", "natural", "cubic"])
@pytest.mark.parametrize("units", [("nm", "nm"), ("nm", "µm")])
def test_a_plane_stays_a_plane(method, units):
    y, x = scattered()
    image = to_grid(cloud(y, 1e-3 * x if units[1] == "µm" else x, 3.0 + 2.0 * y - x, units),
                    method=method, axes={"y": np.linspace(-0.6, 0.6, 7)})  # fmt: skip
    scale = 1e3 if units[1] == "µm" else 1.0
    expected = 3.0 + 2.0 * image["y"] - scale * image["x"]
    inside = image.notnull()
    assert int(inside.sum()) > 20
    xr.testing.assert_allclose(image.where(inside, 0), expected.where(inside, 0), atol=1e-5)
    assert image.attrs["units"] == "V"
    assert image["x"].attrs["units"] == units[1]
    assert image.dims == ("y", "x")
    assert validate(image) == []


@pytest.mark.parametrize("method", ["linear", "nearest", "cubic"])
def test_values_between_points_are_those_of_scipy(method):
    y, x = scattered()
    values = np.sin(3 * x) * np.cos(2 * y)
    image = to_grid(cloud(y, x, values), method=method, spacing=0.11)
    place = np.meshgrid(image["y"], image["x"], indexing="ij")
    expected = scipy.interpolate.griddata((y, x), values, tuple(place), method=method)
    inside = scipy.interpolate.griddata((y, x), values, tuple(place), method="linear")
    expected = np.where(np.isnan(inside), np.nan, expected)
    np.testing.assert_allclose(image, expected, atol=1e-4 if method == "cubic" else 1e-12)


@pytest.mark.parametrize("method", BETWEEN)
def test_outside_of_the_hull_there_is_nothing(method):
    y, x = scattered()
    image = to_grid(cloud(y, x, np.ones(60)), method=method, spacing=0.05)
    hull = Delaunay(np.stack([y, x], axis=1))
    place = np.stack(np.meshgrid(image["y"], image["x"], indexing="ij"), axis=-1)
    inside = hull.find_simplex(place) >= 0
    np.testing.assert_array_equal(image.notnull(), inside)
    np.testing.assert_allclose(image.values[inside], 1.0)


@pytest.mark.parametrize("method", [*BETWEEN, "histogram"])
@pytest.mark.parametrize("shape", [(7, 9), (8, 5)])
def test_the_points_of_a_grid_make_that_grid(method, shape):
    values = np.random.default_rng(1).standard_normal((2, *shape))
    image = xr.DataArray(
        values, dims=("frame", "y", "x"), attrs={"units": "nm"},
        coords={"frame": coordinate("frame", [0, 1], "1"),
                "y": coordinate("y", 5.0 + 0.3 * np.arange(shape[0]), "nm"),
                "x": coordinate("x", -2.0 + 0.3 * np.arange(shape[1]), "nm")},
    )  # fmt: skip
    points = to_points(image)
    shuffled = points.isel(point=np.random.default_rng(2).permutation(points.sizes["point"]))
    spacing = 0.3 if method == "histogram" else None
    back = to_grid(shuffled, method=method, spacing=spacing)
    xr.testing.assert_allclose(back, image)
    assert back.attrs["signal_type"] == "image_stack"


def test_every_point_is_in_one_pixel_of_a_histogram():
    y, x = scattered(500)
    counts = np.random.default_rng(4).poisson(5.0, 500)
    points = cloud(y, x, counts, units=("nm", "nm")).assign_attrs(units="counts")
    for spacing in (0.13, (0.4, 0.07), None):
        total = to_grid(points, method="histogram", reduce="sum", spacing=spacing)
        assert float(total.sum()) == counts.sum()
    image = to_grid(points, method="histogram", spacing=0.25)
    edges = [np.append(image[d].values, image[d].values[-1] + 0.25) - 0.125 for d in ("y", "x")]
    number, *_ = np.histogram2d(y, x, edges)
    sums, *_ = np.histogram2d(y, x, edges, weights=counts)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(image, sums / number)


def test_points_outside_of_given_pixels_are_left_out():
    points = cloud([0.0, 0.4, 1.6, 9.0], [0.0, 0.0, 0.0, 0.0], [1.0, 3.0, 5.0, 7.0])
    image = to_grid(points, method="histogram", axes={"y": [2.0, 1.0, 0.0], "x": [0.0]})
    np.testing.assert_allclose(image[:, 0], [5.0, np.nan, 2.0])


@pytest.mark.parametrize("method", [*BETWEEN, "histogram"])
def test_values_at_the_same_position_are_averaged(method):
    y, x = scattered(30)
    values = np.arange(30.0)
    once = to_grid(cloud(y, x, values), method=method, spacing=0.2)
    twice = cloud(np.tile(y, 2), np.tile(x, 2), np.concatenate([values + 1, values - 1]))
    twice[3] = np.nan
    made = to_grid(twice, method=method, spacing=0.2)
    single = values.copy()
    single[3] -= 1
    expected = to_grid(cloud(y, x, single), method=method, spacing=0.2)
    if method != "histogram":
        np.testing.assert_allclose(made, expected, atol=1e-4)
    np.testing.assert_array_equal(made.isnull(), once.isnull())


@pytest.mark.parametrize("method", BETWEEN)
def test_a_missing_value_is_missing_around_its_point(method):
    y, x = scattered(200)
    values = x + y
    values[17] = np.nan
    image = to_grid(cloud(y, x, values), method=method, spacing=0.05)
    whole = to_grid(cloud(y, x, x + y), method=method, spacing=0.05)
    lost = image.isnull() & whole.notnull()
    distance = np.hypot(image["y"] - y[17], image["x"] - x[17])
    assert 0 < int(lost.sum()) < 80
    assert float(distance.where(lost).max()) < 0.5
    if method != "cubic":
        xr.testing.assert_allclose(image.where(~lost), whole.where(~lost))
    aborted = cloud(y, x, np.where(np.arange(200) < 120, x + y, np.nan))
    measured = to_grid(aborted.dropna("point"), method=method, spacing=0.05)
    assert float(measured.notnull().mean()) > 0.7


def test_a_line_without_any_value_is_missing_and_alone():
    y, x = scattered()
    values = np.stack([x, np.full(60, np.nan), y])
    for method in (*BETWEEN, "histogram"):
        image = to_grid(cloud(y, x, values), method=method)
        assert image.isnull().all(["y", "x"]).values.tolist() == [False, True, False]


@pytest.mark.parametrize("method", [*BETWEEN, "histogram"])
def test_lazy_points_are_gridded_the_same(method):
    y, x = scattered()
    data = cloud(y, x, np.random.default_rng(5).standard_normal((4, 60)))
    lazy = to_grid(data.chunk(cycle=2, point=13), method=method)
    assert lazy.chunks[0] == (2, 2)
    xr.testing.assert_allclose(lazy.compute(), to_grid(data, method=method))


def test_spectra_of_points_become_a_spectrum_image():
    points = to_points(samples.spectrum_image())
    image = to_grid(points, method="natural")
    assert image.dims == ("y", "x", "energy_loss")
    np.testing.assert_allclose(image, samples.spectrum_image(), rtol=1e-6)
    assert image.dtype == np.float32
    assert image.attrs["signal_type"] == "spectral_image"


@pytest.mark.parametrize("method", ["natural", "linear", "cubic"])
def test_a_spiral_becomes_its_image(method):
    points = simulate.point_cloud(noise=0.0)
    image = to_grid(points, method=method, spacing=2.0)
    exact = np.cos(2 * np.pi * image["x"] / 50) + image["y"] / 100
    inside = np.hypot(image["y"], image["x"]) < 40
    assert int(image.where(inside).count()) == int(inside.sum())
    assert float(abs(image - exact).where(inside).max()) < 0.1


def test_the_values_may_be_tiny_or_complex():
    y, x = scattered()
    image = to_grid(cloud(y, x, np.sin(x)), method="cubic")
    tiny = to_grid(cloud(1e-9 * y, 1e-9 * x, 1e-12 * np.sin(x), ("m", "m")), method="cubic")
    np.testing.assert_allclose(1e12 * tiny.values, image.values, atol=1e-6)
    turning = to_grid(cloud(y, x, np.exp(1j * x)), method="natural")
    parts = [to_grid(cloud(y, x, part), method="natural") for part in (np.cos(x), np.sin(x))]
    np.testing.assert_allclose(turning, parts[0].values + 1j * parts[1].values)


def test_pixels_far_from_every_point_can_be_left_out():
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = cloud(10 * np.sin(angle), 10 * np.cos(angle), np.ones(40))
    image = to_grid(ring, spacing=1.0, max_distance=2.0)
    away = abs(np.hypot(image["y"], image["x"]) - 10)
    assert not image.where(away > 2.5).notnull().any()
    inside = (away < 1.5) & (np.hypot(image["y"], image["x"]) < 9.5)
    assert int(image.where(inside).count()) == int(inside.sum())


@pytest.mark.parametrize("method", ["linear", "natural", "nearest", "histogram"])
def test_the_stated_uncertainty_is_the_scatter(method):
    y, x = scattered(40)
    sigma = 0.5 + 0.3 * (x + 1)
    noise = sigma * np.random.default_rng(6).standard_normal((4000, 40))
    data = cloud(y, x, noise)
    both = xr.Dataset({"height": data, "height_std": ("point", sigma)})
    image = to_grid(both, method=method, spacing=0.4)
    scatter, stated = image["height"].std("cycle", skipna=False), image["height_std"]
    np.testing.assert_allclose(scatter, stated, rtol=0.06)
    assert int(stated.count()) > 8


def test_flags_are_those_of_the_nearest_point():
    y, x = scattered(100)
    status = np.where(x > 0, Status.CONVERGED, Status.AT_BOUND).astype(np.uint8)
    both = xr.Dataset({"height": cloud(y, x, x), "status": ("point", status, status_attrs()),
                       "mask": ("point", x > 0)})  # fmt: skip
    for method in ("natural", "histogram"):
        image = to_grid(both, method=method, spacing=0.1)
        there = image["height"].notnull()
        np.testing.assert_array_equal(image["status"] == Status.NO_DATA, ~there)
        assert (image["status"].where(image["x"] > 0.4, 0).where(there, 0) == 0).all()
        assert not image["mask"].where(~there, False).any()
        assert image["mask"].where(there & (image["x"] > 0.4), True).all()
    with pytest.raises(DataError, match="'cubic' does not know the weights"):
        to_grid(both.assign(height_std=both["height"]), method="cubic")


def test_positions_may_be_variables_of_a_table():
    y, x = scattered(30)
    table = xr.Dataset({"y": ("peak", y, {"units": "nm"}), "x": ("peak", x, {"units": "nm"}),
                        "height": ("peak", x + y, {"units": "V"})})  # fmt: skip
    image = to_grid(table, spacing=0.2)
    assert set(image.data_vars) == {"height"}
    exact = (image["y"] + image["x"]).where(image["height"].notnull())
    np.testing.assert_allclose(image["height"], exact, atol=1e-12)


def test_positions_of_other_names_and_kinds_make_histograms():
    rng = np.random.default_rng(7)
    data = xr.DataArray(
        np.ones(50), dims="sample", attrs={"units": "counts"},
        coords={"response": ("sample", rng.normal(size=50), {"units": "nm"}),
                "drive": ("sample", rng.normal(size=50), {"units": "V", "kind": "spectral"})},
    )  # fmt: skip
    places = ("response", "drive")
    made = to_grid(data, method="histogram", reduce="sum", spacing=(0.5, 0.25), places=places)
    assert made.dims == places
    assert float(made.sum()) == 50
    assert made["drive"].attrs["kind"] == "spectral"
    with pytest.raises(DataError, match=r"is in 'nm' and 'drive' in 'V': there is no distance"):
        to_grid(data, places=places, spacing=1.0)


def test_points_without_a_position_have_no_weight():
    y, x = scattered(30)
    lost = cloud(np.append(y, np.nan), np.append(x, 0.0), np.append(x, 1e9))
    for method in (*BETWEEN, "histogram"):
        xr.testing.assert_allclose(
            to_grid(lost, method=method), to_grid(cloud(y, x, x), method=method)
        )


def test_says_what_cannot_be_gridded():
    y, x = scattered(30)
    points = cloud(y, x, x)
    with pytest.raises(DataError, match="expected positions"):
        to_grid(samples.spectrum())
    with pytest.raises(DataError, match="expected positions"):
        to_grid(samples.surface())
    with pytest.raises(DataError, match="30 different positions lie on a line"):
        to_grid(cloud(2 * x, x, x))
    with pytest.raises(DataError, match="lie on a line"):
        to_grid(points[:2])
    with pytest.raises(DataError, match="no point has a position"):
        to_grid(points[:0])
    with pytest.raises(DataError, match="spacing must be positive"):
        to_grid(points, spacing=0.0)
    with pytest.raises(DataError, match="is it in the units of the positions"):
        to_grid(points, spacing=1e-9)
    with pytest.raises(DataError, match="method must be one of"):
        to_grid(points, method="kriging")
    with pytest.raises(DataError, match="reduces points to pixels"):
        to_grid(points, reduce="sum")
    with pytest.raises(DataError, match="a histogram knows no distance"):
        to_grid(points, method="histogram", max_distance=1.0)
    with pytest.raises(DataError, match=r"axes are those of \('y', 'x'\), got \['z'\]"):
        to_grid(points, axes={"z": [0.0]})
    with pytest.raises(DataError, match="a list of finite numbers"):
        to_grid(points, axes={"y": [np.nan]})
    with pytest.raises(DataError, match="must be numbers"):
        to_grid(points.assign_coords(x=("point", ["a"] * 30)))
    with pytest.raises(DataError, match="rows and columns"):
        to_grid(points, places=("x",))


def test_masked_pixels_become_points_and_go_back():
    image = samples.surface()
    mask = image > float(image.mean())
    points = to_points(image, mask=mask)
    assert points.sizes["point"] == int(mask.sum())
    np.testing.assert_array_equal(points, image.values[mask.values])
    np.testing.assert_array_equal(unfold(points), image.where(mask))
    lazy = to_points(image.chunk(y=10), mask=mask.chunk(x=7).transpose())
    xr.testing.assert_equal(lazy.compute(), points)


def test_the_patterns_of_a_scan_become_points():
    data = samples.diffraction_4d()
    assert to_points(data).dims == ("point", "ky", "kx")
    pixels = to_points(data, ["ky", "kx"])
    assert pixels.dims == ("y", "x", "point")
    assert pixels["ky"].dims == ("point",)
    stack = to_points(samples.image_stack())
    assert stack.dims == ("frame", "point")


def test_says_which_mask_it_needs():
    image = samples.surface()
    with pytest.raises(DataError, match="must be of bool"):
        to_points(image, mask=image)
    with pytest.raises(DataError, match="must be of bool"):
        to_points(image, mask=(image > 4)[0])
    with pytest.raises(DataError, match="other labels of 'y'"):
        to_points(image, mask=(image > 4)[1:])
    with pytest.raises(DataError, match="expected dimensions"):
        to_points(samples.spectrum())


def test_a_scan_along_a_line_is_ordered_by_distance():
    part = np.array([0.0, 3.0, 1.0, 2.0, 4.0])
    points = cloud(10 + 0.6 * part, 20 - 0.8 * part, part)
    line = to_line(points)
    np.testing.assert_allclose(line["distance"], [0, 1, 2, 3, 4])
    np.testing.assert_allclose(line, [0, 1, 2, 3, 4])
    np.testing.assert_allclose(line["x"], 20 - 0.8 * np.arange(5))
    np.testing.assert_allclose(line["deviation"], 0.0, atol=1e-12)
    assert line["distance"].attrs["units"] == "nm"
    assert line["distance"].attrs["kind"] == "spatial"
    assert validate(line) == []
    back = to_line(points[::-1])
    np.testing.assert_allclose(back, [4, 3, 2, 1, 0])
    uniform = interpolate(line, {"distance": 0.25})
    np.testing.assert_allclose(uniform, uniform["distance"])


def test_points_beside_a_line_say_how_far():
    along = np.arange(-20.0, 21.0)
    beside = 0.1 * np.cos(np.pi * along)  # even: the line stays the axis
    line = to_line(cloud(along, beside, along))
    np.testing.assert_allclose(abs(line["deviation"]), 0.1, atol=0.005)
    sign = np.sign(line["deviation"].values)
    assert (sign[1:] == -sign[:-1]).all()


def test_a_path_is_as_long_as_its_steps():
    points = cloud([0.0, 0.0, 3.0, 3.0], [0.0, 1000.0, 1000.0, 0.0], np.arange(4.0), ("nm", "pm"))
    path = to_line(points, along="path")
    np.testing.assert_allclose(path["distance"], [0.0, 1.0, 4.0, 5.0])
    lost = points.assign_coords(y=("point", [0.0, np.nan, 3.0, 3.0], {"units": "nm"}))
    assert to_line(lost, along="path").sizes["distance"] == 3


def test_a_line_of_spectra_stays_lazy():
    data = fold(samples.spectrum_image()[:1], ["y", "x"]).chunk(point=5)
    line = to_line(data)
    assert line.chunks is not None
    assert line.dims == ("distance", "energy_loss")
    np.testing.assert_array_equal(line, samples.spectrum_image()[0])


def test_says_which_line_it_needs():
    points = cloud([0.0, 1.0], [0.0, 1.0], [1.0, 2.0])
    with pytest.raises(DataError, match="along must be one of"):
        to_line(points, along="arc")
    with pytest.raises(DataError, match="no point has a position"):
        to_line(points[:0])
    with pytest.raises(DataError, match="a coordinate 'distance' already"):
        to_line(points.assign_coords(distance=1.0))
    with pytest.raises(DataError, match="expected positions"):
        to_line(points, places=("z",))


def test_points_of_a_full_grid_give_that_grid_where_its_steps_differ():
    image = xr.DataArray(
        np.arange(600.0).reshape(20, 30), dims=("y", "x"),
        coords={
            "y": coordinate("y", np.arange(20) * 0.5 - 3.0, "nm"),
            "x": coordinate("x", np.arange(30) * 0.2 + 10.1, "nm"),
        }, attrs={"units": "V"},
    )  # fmt: skip
    again = to_grid(to_points(image)[np.random.default_rng(2).permutation(600)])
    assert again.shape == image.shape
    np.testing.assert_allclose(again, image, rtol=1e-9)
    np.testing.assert_allclose(again["y"], image["y"], atol=1e-12)
    np.testing.assert_allclose(again["x"], image["x"], atol=1e-12)
