"""Finding and refining atoms in images whose truth is known."""

import h5py
import numpy as np
import pytest
import xarray as xr
from scipy import stats
from scipy.spatial import cKDTree

from omniscopy import samples
from omniscopy.atoms import find_atoms, find_lattice, patches, refine_atoms, score_positions
from omniscopy.atoms.finding.neighbouring_cells import cells_of
from omniscopy.atoms.finding.noise import as_normal, maxima_of_noise, noise_moments
from omniscopy.atoms.refinement.overlap_kernel import _add_atoms, add_atoms
from omniscopy.atoms.refinement.window_kernel import (
    _fill_windows,
    _start_windows,
    start_windows,
)
from omniscopy.atoms.refinement.windows import windows_of
from omniscopy.model import DataError, Status, convert_units, coordinate


def image_of(values, step=(0.02, 0.02), first=(0.0, 0.0), units="nm"):
    coords = {
        dim: (dim, first[n] + step[n] * np.arange(values.shape[n]), {"units": units})
        for n, dim in enumerate(("y", "x"))
    }
    return xr.DataArray(values, coords, dims=("y", "x"), attrs={"units": "counts"})


def table(places, **more):
    columns = {"y": places[:, 0], "x": places[:, 1]}
    made = {name: ("atom", each, {"units": "nm"}) for name, each in columns.items()}
    return xr.Dataset({**made, **{n: ("atom", each, {"units": "nm"}) for n, each in more.items()}})


def scene(shape, places, height, sigma, *, angle=0.0, background=0.0, step=(0.02, 0.02)):
    """Return Gaussians at places (row, column); sigma is that along y and x, all in pixels."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    sigma_y, sigma_x = np.broadcast_to(sigma, 2)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    made = np.full(shape, float(background))
    for (row, column), top in zip(places, np.broadcast_to(height, len(places)), strict=True):
        along = (x - column) * c + (y - row) * s
        across = (y - row) * c - (x - column) * s
        made += top * np.exp(-0.5 * ((along / sigma_x) ** 2 + (across / sigma_y) ** 2))
    return made


def square(n, spacing, rng, jitter=0.3):
    grid = np.stack(np.meshgrid(*[spacing * (1 + np.arange(n))] * 2, indexing="ij"), -1)
    return grid.reshape(-1, 2) + rng.normal(0, jitter, (n * n, 2))


def test_noiseless_atoms_are_recovered_with_shape_angle_and_offset():
    rng = np.random.default_rng(1)
    places = square(5, 17.3, rng)
    values = scene((107, 111), places, 3.0, (2.4, 3.1), angle=20.0, background=1.5)
    image = image_of(values, first=(4.0, -2.0))
    true = places * 0.02 + [4.0, -2.0]
    found = refine_atoms(image, find_atoms(image))
    score = score_positions(found, table(true))
    assert float(score["f1"]) == 1.0
    assert float(score["rms"]) < 1e-6
    np.testing.assert_allclose(found["sigma_y"], 2.4 * 0.02, rtol=1e-4)
    np.testing.assert_allclose(found["sigma_x"], 3.1 * 0.02, rtol=1e-4)
    np.testing.assert_allclose(found["angle"], 20.0, atol=0.01)
    np.testing.assert_allclose(found["amplitude"], 3.0, rtol=1e-4)
    np.testing.assert_allclose(found["background"], 1.5, rtol=1e-3)
    assert (found["status"] == Status.CONVERGED).all()


def test_dark_atoms_and_rectangular_pixels_and_falling_coordinates():
    rng = np.random.default_rng(2)
    places = square(5, 16.0, rng)
    values = 10.0 - scene((100, 96), places, 3.0, 2.5)
    image = image_of(values, step=(-0.02, 0.02), first=(1.98, 0.0))
    found = find_atoms(image, contrast="dark")
    true = np.stack([1.98 - 0.02 * places[:, 0], 0.02 * places[:, 1]], axis=1)
    assert float(score_positions(found, table(true))["f1"]) == 1.0
    refined = refine_atoms(image, found)
    assert float(score_positions(refined, table(true))["rms"]) < 1e-5
    assert (refined["amplitude"] < 0).all()
    assert (found["intensity"] < 0).all()


def test_overlapping_atoms_are_fitted_together():
    places = np.array([[20.2, 20.1], [20.4, 26.3], [27.0, 21.7], [44.0, 40.0], [41.0, 46.5]])
    values = scene((64, 66), places, [2.0, 1.0, 1.5, 1.0, 1.2], 2.6, background=0.5)
    start = table((places + 0.3) * 0.02)
    together = refine_atoms(image_of(values), start, model="round_gaussian", width=0.05)
    apart = refine_atoms(image_of(values), start, joint=False, model="round_gaussian", width=0.05)
    wrong = [
        np.hypot(*(np.stack([each["y"], each["x"]], 1) - places * 0.02).T).max()
        for each in (together, apart)
    ]
    assert wrong[0] < 1e-5
    assert wrong[1] > 10 * wrong[0]
    np.testing.assert_allclose(together["amplitude"], [2.0, 1.0, 1.5, 1.0, 1.2], rtol=1e-3)


@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
def test_scatter_is_what_is_said_and_there_is_no_bias_of_half_a_pixel(likelihood):
    rng = np.random.default_rng(3)
    places = square(14, 16.0, rng, jitter=0.4)
    mean = scene((240, 240), places, 60.0, 2.8, background=20.0)
    noisy = rng.poisson(mean) if likelihood == "poisson" else mean + rng.normal(0, 5.0, mean.shape)
    image = image_of(np.asarray(noisy, float))
    refined = refine_atoms(image, find_atoms(image), likelihood=likelihood)
    score = score_positions(refined, table(places * 0.02))
    assert float(score["f1"]) == 1.0
    assert float(score["calibration"]) == pytest.approx(1.0, abs=0.12)
    assert abs(float(score["bias_y"])) < 0.02 * 0.03
    assert abs(float(score["bias_x"])) < 0.02 * 0.03


@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
def test_long_atoms_scatter_as_they_say(likelihood):
    y, x = 0.02 * np.arange(160), 0.03 * np.arange(140)
    sites = np.array([(0.3 + 0.5 * i, 0.4 + 0.6 * j) for i in range(6) for j in range(6)])
    turn, pulls = np.radians(20.0), []
    mean = np.full((160, 140), 30.0)
    for row, column in sites:
        u = (x - column) * np.cos(turn) + (y[:, None] - row) * np.sin(turn)
        v = (y[:, None] - row) * np.cos(turn) - (x - column) * np.sin(turn)
        mean += 200.0 * np.exp(-0.5 * (u / 0.09) ** 2 - 0.5 * (v / 0.06) ** 2)
    rng = np.random.default_rng(3)
    for _ in range(12):
        counts = xr.DataArray(
            rng.poisson(mean).astype(float), dims=("y", "x"), attrs={"units": "counts"},
            coords={"y": coordinate("y", y, "nm"), "x": coordinate("x", x, "nm")},
        )  # fmt: skip
        found = refine_atoms(counts, table(sites), likelihood=likelihood)
        away = np.stack([found["y"] - sites[:, 0], found["x"] - sites[:, 1]])
        pulls.append(away / np.stack([found["y_std"], found["x_std"]]))
    np.testing.assert_allclose(np.std(pulls, axis=(0, 2)), 1.0, atol=0.11)


def test_noise_has_no_atoms_and_a_constant_image_neither():
    rng = np.random.default_rng(4)
    noise = image_of(np.zeros((72, 66))).expand_dims(frame=100).copy()
    noise[:50] = rng.normal(size=(50, 72, 66))
    noise[50:] = rng.poisson(3.0, (50, 72, 66))
    assert np.count_nonzero(find_atoms(noise, max_atoms=1)["count"]) <= 1
    empty = find_atoms(image_of(np.full((40, 40), 3.0)))
    assert empty.sizes["atom"] == 0
    with pytest.raises(DataError, match="positions holds 0 atoms"):
        refine_atoms(image_of(np.full((40, 40), 3.0)), empty)


def test_heights_of_maxima_of_noise_are_those_that_are_counted():
    from scipy.ndimage import maximum_filter
    from scipy.signal import fftconvolve

    y, x = np.mgrid[-12:13, -12:13]
    kernel = np.exp(-0.5 * (y**2 + x**2) / 2.5**2)
    noise = np.random.default_rng(5).normal(size=(700, 700))
    filtered = fftconvolve(noise, kernel, "valid") / np.sqrt((kernel**2).sum())
    tops = np.sort(filtered[filtered == maximum_filter(filtered, 3)])
    expected = maxima_of_noise(kernel, (1.0, 1.0))
    assert len(tops) / filtered.size == pytest.approx(expected.density, rel=0.05)
    assert expected.share[0] == pytest.approx(1.0, abs=1e-3)
    for height in (0.5, 1.5, 2.5):
        share = np.interp(height, expected.heights, expected.share)
        assert (tops > height).mean() == pytest.approx(share, abs=0.03)


def test_a_hole_hides_what_is_in_it_and_nothing_else():
    rng = np.random.default_rng(6)
    places = square(6, 16.0, rng)
    values = scene((112, 112), places, 50.0, 2.6) + rng.normal(0, 1.0, (112, 112))
    values[40:60, 40:60] = np.nan
    found = find_atoms(image_of(values))
    away = np.abs(places - 49.5).max(axis=1) > 13
    score = score_positions(found, table(places[away] * 0.02))
    assert float(score["recall"]) == 1.0
    assert find_atoms(image_of(values * np.nan))["status"] == Status.NO_DATA


def test_positions_outside_are_not_fitted():
    image = samples.atom_image()
    outside = table(np.array([[-3.0, 1.0], [1.0, 1.0], [np.nan, 1.0]]))
    refined = refine_atoms(image, outside)
    assert refined["status"].values.tolist()[::2] == [Status.NO_DATA] * 2
    assert np.isnan(refined["y"].values[[0, 2]]).all()


def test_compiled_atoms_are_those_of_the_plain_loops():
    shapes = np.array([[2.0, 10.3, 7.8, 0.2, 0.05, 0.3], [1.0, 2.0, 18.5, 0.1, 0.0, 0.1]])
    made = [np.zeros((20, 20)) for _ in range(2)]
    for function, image in zip((_add_atoms, add_atoms), made, strict=True):
        function(shapes, np.array([6.0, 9.0]), np.arange(20.0), np.arange(20.0), image)
    np.testing.assert_allclose(made[0], made[1], atol=1e-12)
    assert made[0][10, 8] == pytest.approx(2.0, rel=0.05)


def test_windows_are_those_of_the_plain_loops_and_end_with_the_image():
    rng = np.random.default_rng(9)
    image = rng.normal(size=(20, 24))
    image[5, 6] = np.nan
    places = np.array([[4.3, 5.8], [18.7, 23.2], [10.0, 12.0]])
    compiled = windows_of(image, places, (1.0, 1.0), np.array([4.0, 4.0, 2.5]))
    values, weight = np.empty((2, *compiled.values.shape))
    same = compiled.pixel, compiled.down, compiled.right, compiled.dy, compiled.dx
    centre = places - compiled.middle
    _fill_windows(image, *same, centre, np.array([4.0, 4.0, 2.5]), 1.0, values, weight)
    np.testing.assert_array_equal(compiled.values, values)
    np.testing.assert_allclose(compiled.weight, weight, atol=1e-12)
    own = (compiled.down == 5 - compiled.pixel[0, 0]) & (compiled.right == 6 - compiled.pixel[0, 1])
    assert weight[0, own] == values[0, own] == 0.0
    assert weight[2].sum() == pytest.approx(np.pi * 2.5**2, rel=0.03)
    assert (weight[1] * (compiled.pixel[1, 0] + compiled.down > 19)).sum() == 0.0
    peak = np.exp(-0.5 * ((compiled.dy - centre[2, 0]) ** 2 + compiled.dx**2) / 1.5**2)
    values[2] = 3.0 * peak + 0.7
    for function in (_start_windows, start_windows):
        start = np.empty((3, 3))
        function(values, weight, compiled.dy, compiled.dx, centre, 1.5, np.empty_like(peak), start)
        np.testing.assert_allclose(start[2], [3.0, 0.7, 0.0], atol=1e-9)


def test_patches_of_a_size_in_other_units_are_the_same():
    image = samples.atom_image()
    found = find_atoms(image)
    smaller = convert_units(convert_units(image, "pm", dim="y"), "pm", dim="x")
    cut = patches(smaller, found, 400.0)
    np.testing.assert_allclose(cut, patches(image, found, 0.4), rtol=1e-6)
    assert cut["window_y"].attrs["units"] == "pm"


def test_patches_have_the_atom_in_the_middle():
    places = np.array([[20.3, 30.6], [41.5, 12.2]])
    image = image_of(scene((60, 50), places, 1.0, 3.0))
    cut = patches(image, table(places * 0.02), 0.22)
    assert cut.dims == ("atom", "window_y", "window_x")
    middle = cut.sel(window_y=0.0, window_x=0.0, method="nearest")
    np.testing.assert_allclose(middle, 1.0, atol=1e-3)
    np.testing.assert_allclose(cut, cut[:, ::-1, ::-1], atol=2e-3)
    assert np.isnan(patches(image, table(places * 0.02 - 0.4), 0.22)[0, 0, 0])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda im: find_atoms(im, spacing=9.0), "below the field of view"),
        (lambda im: find_atoms(im, threshold=-1.0), "threshold must be above 0"),
        (lambda im: find_atoms(im, min_intensity=1.5), "min_intensity must be from 0"),
        (lambda im: find_atoms(im, max_atoms=0), "max_atoms must be at least 1"),
        (lambda im: find_atoms(im, method="guess"), "method must be one of"),
        (lambda im: find_atoms(im.drop_vars("x")), "has no coordinate; assign one"),
        (lambda im: find_atoms(im[:4]), "at least 8 are needed"),
        (lambda im: refine_atoms(im, im), "positions must be a Dataset"),
        (lambda im: refine_atoms(im, samples.column_positions(), width=0.0), "width must be above"),
        (lambda im: refine_atoms(im, samples.column_positions(), max_steps=0), "max_steps must be"),
        (lambda im: refine_atoms(im.assign_coords(y=("y", im["y"].values)), table(np.ones((2, 2)))),
         "give both|must be in units"),
        (lambda im: score_positions(samples.column_positions(), samples.column_positions(),
                                    margin=-1.0), "margin must be"),
    ],
)  # fmt: skip
def test_wrong_calls_say_what_is_wrong(call, words):
    with pytest.raises(DataError, match=words):
        call(samples.atom_image())


def boron_nitride(rng, *, bond=13.0, sigma=2.4, dose=1.0, side=256):
    """Return counts and places of two kinds of atoms, a few of which are missing."""
    i, j = np.mgrid[-20:21, -20:21].reshape(2, -1)
    cells = bond * np.stack([1.5 * j, np.sqrt(3) * (i + 0.5 * j)], axis=1) + side / 2
    places = np.concatenate([cells, cells + np.array([bond, 0.0])])
    height = np.repeat([1.0, 0.55], len(cells))
    kept = ((places > 4) & (places < side - 5)).all(axis=1) & (rng.random(len(places)) > 0.03)
    places, height = places[kept] + rng.normal(0, 0.25, (kept.sum(), 2)), height[kept]
    return rng.poisson(dose * scene((side, side), places, height, sigma, background=0.15)), places


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_faint_atoms_are_told_from_noise_by_neighbouring_cells(seed):
    """Of two counts an atom, holes of the lattice have maxima as high as its fainter atoms."""
    counts, places = boron_nitride(np.random.default_rng(seed))
    found = find_atoms(image_of(counts.astype(float)))
    score = score_positions(found, table(places * 0.02), max_distance=0.1, margin=0.16)
    assert float(score["f1"]) > 0.975
    assert float(score["precision"]) > 0.97


def test_neighbouring_cells_neither_fill_vacancies_nor_hide_what_is_between_them():
    rng = np.random.default_rng(5)
    grid = 16.0 * np.stack(np.mgrid[1:16, 1:16], axis=-1).reshape(-1, 2)
    missing = np.isin(np.arange(len(grid)), [37, 80, 112, 150, 199])
    between = np.array([[72.0, 104.0], [168.0, 136.0]])
    places = np.concatenate([grid[~missing], between])
    counts = rng.poisson(1.5 * scene((272, 272), places, 1.0, 2.0, background=0.15))
    found = find_atoms(image_of(counts.astype(float)), spacing=10 * 0.02)
    there = np.stack([found["y"], found["x"]], axis=1) / 0.02
    tree = cKDTree(there)
    assert (tree.query(between)[0] < 3.0).all()
    assert (tree.query(grid[missing])[0] > 6.0).sum() >= 4
    assert (tree.query(grid[~missing])[0] < 4.0).mean() > 0.99


def test_places_without_a_lattice_have_no_neighbouring_cells():
    rng = np.random.default_rng(6)
    assert cells_of(rng.normal(0, 1, (128, 120)), 2.0, (1.0, 1.0)) is None
    y, x = np.mgrid[:128, :120]
    waves = np.cos(2 * np.pi * y / 16) + np.cos(2 * np.pi * x / 12)
    cells = cells_of(waves, 1.5, (1.0, 1.0))
    assert cells is not None
    lengths = sorted({round(float(np.hypot(*each))) for each in cells.translations})
    assert lengths == [12, 16]
    places = np.array([[64.0, 60.0], [72.0, 66.0]])
    top, hole = cells.support(places)
    assert top > 0 > hole
    assert np.isnan(cells.support(np.array([[-40.0, -40.0]]))).all()


@pytest.mark.shared
def test_scenes_of_counts_are_found_without_being_told_the_spacing(shared):
    """F1 per dose against a Laplacian of the known width; error against Cramér and Rao."""
    # What the Laplacian of the true width reaches with the best of all thresholds.
    least = {50: 0.9995, 10: 0.9945, 5: 0.9976, 2: 0.9936, 1: 0.9678}
    scores: dict[int, list[float]] = {dose: [] for dose in least}
    for path in sorted((shared / "data" / "atoms" / "simulated_truth").glob("*.npz")):
        with np.load(path) as data:
            image, true = image_of(data["counts"].astype(float)), data["rc"]
            dose, apart = int(data["dose"]), float(data["nn_px"])
        found = find_atoms(image)
        score = score_positions(
            found, table(true * 0.02), max_distance=0.4 * apart * 0.02, margin=0.08
        )
        scores[dose].append(float(score["f1"]))
        assert float(found["spacing"]) == pytest.approx(apart * 0.02, rel=0.12)
    for dose, asked in least.items():
        assert np.mean(scores[dose]) >= asked, dose


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "least"),
    [
        # Of the last, a tenth is covered with dirt, whose grains are bright as well.
        ("stem/graphene_si_2nm", 0.97),
        ("atoms/graphene_adf/G-GrainBoundary-4nm", 0.95),
        ("stem/graphene_gb_6nm", 0.92),
    ],
)
def test_atoms_of_graphene_are_those_that_were_published(shared, name, least):
    """The autocorrelation shows the lattice only: bonds are shorter by the root of 3."""
    path = shared / "data" / name
    if path.with_suffix(".npy").exists():
        values = np.load(path.with_suffix(".npy"))
        true = np.load(path.with_name(f"{path.name}_coords.npy"))[:, :2]
    else:
        with h5py.File(path.with_suffix(".hdf5")) as file:
            values = np.squeeze(file["image_data"][()])
        with np.load(path.with_name(f"{path.name}-published.npz")) as data:
            true = data["coordinates"][:, :2]
    found = find_atoms(image_of(values.astype(float)))
    assert float(score_positions(found, table(true * 0.02), margin=0.16)["f1"]) >= least
    nearest = np.median(cKDTree(true).query(true, k=2)[0][:, 1]) * 0.02
    assert float(found["spacing"]) == pytest.approx(nearest, rel=0.13)


@pytest.mark.shared
def test_columns_that_are_dark_are_found_on_rows_of_the_same_distance(shared):
    """Columns of cations, one every 30 rows and 41 columns, are all found."""
    with h5py.File(shared / "data" / "stem" / "abf_cropped.hdf5") as file:
        (name,) = file["Experiments"]
        values = file[f"Experiments/{name}/data"][()]
    found = find_atoms(image_of(values.astype(float)), contrast="dark")
    deep = found.isel(
        atom=found["intensity"].values < 0.6 * float(found["intensity"].quantile(0.1))
    )
    lattice = find_lattice(deep)
    lengths = np.sort([float(lattice["length_a"]), float(lattice["length_b"])]) / 0.02
    np.testing.assert_allclose(lengths, [29.6, 42.3], rtol=0.02)
    assert float(lattice["angle"]) == pytest.approx(90.0, abs=1.0)


def test_closer_atoms_of_a_lattice_that_only_shows_its_cells_are_found():
    """A honeycomb so blurred that the peak of its bonds is hidden by that in the middle."""
    rng = np.random.default_rng(8)
    bond = 17.0
    i, j = np.mgrid[-20:21, -20:21].reshape(2, -1)
    cells = bond * np.stack([1.5 * j, np.sqrt(3) * (i + 0.5 * j)], axis=1) + 120.0
    places = np.concatenate([cells, cells + np.array([bond, 0.0])])
    places = places[((places > 4) & (places < 236)).all(axis=1)]
    values = rng.poisson(scene((240, 240), places, 5.0, 0.31 * bond, background=4.0))
    found = find_atoms(image_of(values.astype(float)))
    assert float(found["spacing"]) == pytest.approx(bond * 0.02, rel=0.1)
    score = score_positions(found, table(places * 0.02), margin=0.2)
    assert float(score["f1"]) > 0.97


@pytest.mark.parametrize("signal", [2.0, 3.0, 4.0])
def test_signals_over_counts_are_as_improbable_as_said(signal):
    counts = 25.0
    exact = stats.norm.isf(stats.gamma.sf(counts + signal * np.sqrt(counts), counts))
    skewness = 2 / np.sqrt(counts)  # of the gamma distribution of that variance
    assert as_normal(np.array(signal), np.array(skewness)) == pytest.approx(exact, abs=0.01)
    assert exact < signal - 0.15
    # Nothing is made of noise that is not skewed; dark atoms are what bright ones are.
    assert as_normal(np.array(signal), np.array(0.0)) == pytest.approx(signal, abs=2e-3)
    assert as_normal(np.array(-signal), np.array(-skewness)) == pytest.approx(-exact, abs=0.01)


def test_the_third_moment_of_counts_is_gain_squared_times_the_mean():
    rng = np.random.default_rng(3)
    gain, smooth = 4.0, 20.0 + 15.0 * np.sin(np.arange(200.0) / 20.0)
    image = gain * rng.poisson(np.broadcast_to(smooth[:, None], (200, 200))).astype(float)
    known = np.ones(image.shape, dtype=bool)
    variance, third = noise_moments(image, known, [3.0, 3.0])
    middle = (slice(20, -20), slice(20, -20))
    expected = (gain**3 * smooth[:, None] * np.ones(200))[middle]
    assert np.median(variance[middle] * gain / expected) == pytest.approx(1, abs=0.1)
    assert np.median(third[middle] / expected) == pytest.approx(1, abs=0.15)
