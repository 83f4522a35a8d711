"""Stacks of images that drift."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import simulate
from omniscopy.image import align_images, register
from omniscopy.image.registration import resampling, shift_graphs
from omniscopy.model import DataError, Status, analyses_for, coordinate

DY, DX = 0.2, -0.3


def scene(y, x, seed=0, count=60):
    """Return particles at any places, shape of y and x, in pixels of 0 to 90."""
    rng = np.random.default_rng(seed)
    made = np.full(np.broadcast_shapes(y.shape, x.shape), 4.0)
    for _ in range(count):
        top, left = rng.uniform(-10, 100, 2)
        width, height = rng.uniform(2.5, 5.0), rng.uniform(0.5, 1.5)
        made = made + height * np.exp(-0.5 * ((y - top) ** 2 + (x - left) ** 2) / width**2)
    return made


def stack_of(shifts, *, shape=(80, 73), noise=0.0, rng=1, picture=scene):
    """Return frames that are shifted by (y, x) pixels, in nm."""
    y, x = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    frames = np.stack([picture(y - dy, x - dx) for dy, dx in shifts])
    frames = frames + noise * np.random.default_rng(rng).standard_normal(frames.shape)
    coords = {
        "frame": coordinate("frame", np.arange(len(frames)), "1"),
        "y": coordinate("y", 5.0 + DY * np.arange(shape[0]), "nm"),
        "x": coordinate("x", 90.0 + DX * np.arange(shape[1]), "nm"),
    }
    return xr.DataArray(frames, coords, dims=("frame", "y", "x"), attrs={"units": "V"})


def drift(count=7, size=1.7, rng=3):
    steps = np.random.default_rng(rng).normal(0, size, (count, 2))
    steps[0] = 0
    return np.cumsum(steps, axis=0)


def pixels(found):
    return np.stack([found["shift_y"] / DY, found["shift_x"] / DX], axis=-1)


@pytest.mark.parametrize("reference", ["all_pairs", "mean", "first"])
def test_shifts_without_noise_are_exact_and_in_units_of_the_coordinates(reference):
    shifts = drift()
    found = register(stack_of(shifts), reference=reference)
    np.testing.assert_allclose(pixels(found), shifts, atol=2e-3)
    assert found["shift_y"].attrs["units"] == "nm"
    assert (found["status"] == Status.CONVERGED).all()
    assert float(found["correlation"].min()) > 0.99


def speckle(y, x):
    """Return so many small particles that all waves have power."""
    rng = np.random.default_rng(4)
    top, left = rng.uniform(-10, 100, (2, 1200, 1))
    down, right = (
        np.exp(-0.5 * (axis.ravel() - centre) ** 2) for axis, centre in ((y, top), (x, left))
    )
    return np.einsum("n,ny,nx->yx", rng.uniform(0.5, 1.5, 1200), down, right, optimize=True)


@pytest.mark.parametrize("correlation", ["cross", "phase"])
def test_other_weights_of_waves_give_the_same(correlation):
    shifts = drift()
    found = register(stack_of(shifts, noise=0.01, picture=speckle), correlation=correlation)
    np.testing.assert_allclose(pixels(found), shifts, atol=0.05)


def test_a_shift_to_larger_coordinates_is_positive():
    stack = simulate.image_stack(4, noise=False)
    truth = stack.attrs["metadata"]["truth"]
    found = register(stack)
    np.testing.assert_allclose(found["shift_y"], truth["shift_y"], atol=2e-3)
    np.testing.assert_allclose(found["shift_x"], truth["shift_x"], atol=2e-3)


def test_registered_frames_show_the_same_and_nothing_where_they_do_not_reach():
    shifts = drift()
    stack = stack_of(shifts)
    placed = register(stack)["registered"]
    inner = placed[:, 12:-12, 12:-12]
    assert float(abs(inner - inner[0]).max()) < 5e-3
    assert placed.attrs["units"] == "V"
    last = placed.values[-1]
    down, right = shifts[-1]
    reach_y = (np.arange(80) + down >= 0) & (np.arange(80) + down <= 79)
    reach_x = (np.arange(73) + right >= 0) & (np.arange(73) + right <= 72)
    np.testing.assert_array_equal(np.isfinite(last), reach_y[:, None] & reach_x)


def test_the_reported_spread_is_the_scatter():
    shifts = drift(5)
    away = []
    for n in range(40):
        found = register(stack_of(shifts, noise=0.2, rng=n))
        away.append(pixels(found) - shifts)
    scatter = np.sqrt(np.mean(np.square(away)[:, 1:], axis=(0, 1)))
    said = [
        float(found["shift_y_std"][1:].mean()) / DY,
        float(found["shift_x_std"][1:].mean()) / -DX,
    ]
    np.testing.assert_allclose(said, scatter, rtol=0.15)
    assert (np.abs(np.mean(away, axis=0)[1:]) < scatter).all()


def test_large_shifts_are_found_where_only_a_part_is_common():
    shifts = np.array([[0.0, 0.0], [14.3, -11.6], [25.2, -20.4], [31.7, -8.9]])
    found = register(stack_of(shifts, noise=0.02))
    np.testing.assert_allclose(pixels(found), shifts, atol=0.05)


def lattice(y, x):
    made = np.cos(2 * np.pi * y / 8.0) + np.cos(2 * np.pi * (x + 0.3 * y) / 7.3)
    return made + 1.5 * np.exp(-0.5 * ((y - 40) ** 2 + (x - 30) ** 2) / 30.0)


def test_frames_of_a_lattice_do_not_jump_by_a_cell():
    shifts = drift(8, size=1.2)
    found = register(stack_of(shifts, noise=0.6, picture=lattice))
    np.testing.assert_allclose(pixels(found), shifts, atol=0.4)


def test_pairs_that_are_wrong_by_a_cell_take_the_peak_that_agrees():
    positions = drift(6)
    first, second = np.triu_indices(6, 1)
    shift = positions[second] - positions[first]
    cell = np.array([8.0, 0.0])
    candidates = np.stack([shift, shift + cell, shift - cell], axis=1)
    wrong = [3, 7, 11]
    candidates[wrong] = candidates[wrong][:, [1, 0, 2]]
    heights = np.tile([1.0, 0.8, 0.8], (len(first), 1))
    heights[wrong] = [1.0, 0.99, 0.9]
    pairs = shift_graphs.Pairs(first, second, candidates[:, 0], heights[:, 0])
    found = shift_graphs.choose(candidates, heights, pairs, 6)
    np.testing.assert_allclose(found - found[0], positions, atol=1e-9)


def test_least_squares_of_pairs_leaves_outliers_out():
    positions = drift(6)
    first, second = np.triu_indices(6, 1)
    shift = positions[second] - positions[first]
    shift[4] += [3.0, -9.0]
    pairs = shift_graphs.Pairs(first, second, shift, np.ones(len(first)))
    plain = shift_graphs.solve(pairs, 6)
    robust, weight = shift_graphs.solve_robustly(pairs, 6)
    assert np.abs(plain - plain[0] - positions).max() > 0.5
    np.testing.assert_allclose(robust - robust[0], positions, atol=1e-6)
    assert weight[4] < 1e-6


def test_pixels_that_are_missing_or_masked_have_no_part():
    shifts = drift()
    stack = stack_of(shifts, noise=0.02)
    spoiled = stack.copy()
    spoiled[:, 20:26, 30:37] = 500.0  # the same dead pixels in every frame
    mask = xr.zeros_like(stack[0], dtype=bool)
    mask[20:26, 30:37] = True
    found = register(spoiled, mask=mask)
    np.testing.assert_allclose(pixels(found), shifts, atol=0.1)
    holes = spoiled.where(~mask)
    np.testing.assert_allclose(register(holes)["shift_y"], found["shift_y"], atol=1e-9)
    assert register(holes)["registered"].isnull().any()


def test_a_frame_of_nothing_is_invalid_and_alone():
    shifts = drift()
    stack = stack_of(shifts, noise=0.02)
    stack[3] = np.nan
    stack[5] = 7.0
    found = register(stack)
    bad = np.isin(np.arange(7), [3, 5])
    np.testing.assert_array_equal(found["status"] == Status.INVALID, bad)
    assert found["registered"][3].isnull().all()
    assert np.isnan(found["shift_y"].values[bad]).all()
    np.testing.assert_allclose(pixels(found)[~bad], shifts[~bad], atol=0.05)


def test_a_further_dimension_and_chunks_change_nothing():
    both = xr.concat([stack_of(drift(4, rng=n), noise=0.05) for n in (1, 2)], "cycle")
    both = both.assign_coords(cycle=coordinate("cycle", [0, 1], "1"))
    made = register(both.chunk({"cycle": 1, "frame": 1, "y": 40}), dim="frame").compute()
    for n in (0, 1):
        alone = register(both[n])
        np.testing.assert_allclose(made["shift_y"][n], alone["shift_y"], atol=1e-9)
        np.testing.assert_allclose(made["registered"][n], alone["registered"], atol=1e-9)


def test_a_stretched_and_turned_frame_is_told_from_a_shifted_one():
    matrices = [np.eye(2), np.array([[1.02, 0.01], [-0.015, 0.99]])]
    matrices.append(np.linalg.inv(matrices[1]))
    y, x = np.arange(80.0)[:, None], np.arange(73.0)[None, :]
    frames = []
    for matrix, (dy, dx) in zip(matrices, [(0, 0), (1.4, -2.2), (-0.7, 1.1)], strict=True):
        back = np.linalg.inv(matrix)
        v, u = y - 39.5 - dy, x - 36.0 - dx
        v, u = back[0, 0] * v + back[0, 1] * u, back[1, 0] * v + back[1, 1] * u
        frames.append(scene(v + 39.5, u + 36.0))
    stack = stack_of(np.zeros((3, 2))).copy(data=np.stack(frames))
    found = register(stack, method="affine")
    ratio = DY / DX
    names = ("matrix_yy", "matrix_yx", "matrix_xy", "matrix_xx")
    units = np.array([1.0, ratio, 1 / ratio, 1.0])
    own = np.stack([found[name] for name in names], axis=-1)
    # Against the mean of all: relative to the first frame.
    for n in (1, 2):
        relative = (own[n] / units).reshape(2, 2) @ np.linalg.inv((own[0] / units).reshape(2, 2))
        np.testing.assert_allclose(relative, matrices[n], atol=2e-3)
    inner = found["registered"][:, 15:-15, 15:-15]
    assert float(abs(inner - inner[0]).max()) < 0.05
    assert (found["matrix_yy_std"] > 0).all()


@pytest.mark.parametrize("method", ["demons", "optical_flow"])
def test_places_that_are_elsewhere_are_brought_back(method):
    y, x = np.arange(80.0)[:, None], np.arange(73.0)[None, :]
    bend = 1.5 * np.sin(2 * np.pi * x / 60.0) * np.cos(2 * np.pi * y / 70.0)
    frames = np.stack([scene(y, x, count=150), scene(y - bend, x + bend, count=150)])
    stack = stack_of(np.zeros((2, 2))).copy(data=frames)
    plain = register(stack)["registered"]
    found = register(stack, method=method, smoothing=0.5)
    inner = {"y": slice(10, -10), "x": slice(10, -10)}
    before = float((plain[1] - plain[0]).isel(inner).std())
    after = float((found["registered"][1] - found["registered"][0]).isel(inner).std())
    assert after < 0.35 * before
    relative = (found["displacement_y"][1] - found["displacement_y"][0]) / DY
    moved = relative.isel(inner).values
    wanted = np.broadcast_to(bend, frames.shape[1:])[10:-10, 10:-10]
    assert np.corrcoef(moved.ravel(), wanted.ravel())[0, 1] > 0.85
    assert found["displacement_y"].attrs["units"] == "nm"


@pytest.mark.parametrize("method", ["demons", "optical_flow"])
def test_displacements_scatter_by_what_is_said(method):
    y, x = np.arange(80.0)[:, None], np.arange(73.0)[None, :]
    picture = np.stack([scene(y, x, count=150)] * 4)
    stack = stack_of(np.zeros((4, 2)))
    moved, said = [], []
    for n in range(8):
        noise = 0.1 * np.random.default_rng(n).standard_normal(picture.shape)
        found = register(stack.copy(data=picture + noise), method=method, smoothing=0.8)
        for axis, step in (("y", DY), ("x", DX)):
            moved.append(found[f"displacement_{axis}"].values / step)
            said.append(found[f"displacement_{axis}_std"].values / abs(step))
    for axis in (0, 1):
        scatter = np.sqrt(np.var(moved[axis::2], axis=0, ddof=1).mean())
        told = np.sqrt(np.mean(np.square(said[axis::2])))
        assert told == pytest.approx(scatter, rel=0.15)
    assert found["displacement_x_std"].attrs["units"] == "nm"


@pytest.mark.parametrize("order", [0, 1, 3])
def test_whole_pixels_are_moved_exactly(order):
    image = np.random.default_rng(0).normal(size=(9, 7))
    made = resampling.shifted_back(image, np.array([2.0, -1.0]), order)
    np.testing.assert_allclose(made[:7, 1:], image[2:, :6], atol=1e-12)
    assert np.isnan(made[7:]).all()
    assert np.isnan(made[:, 0]).all()


def test_shifts_of_one_channel_align_another_in_other_units():
    shifts = drift()
    stack = stack_of(shifts)
    found = register(stack)
    small = found[["shift_y", "shift_x"]] * 1000.0
    for name in ("shift_y", "shift_x"):
        small[name].attrs["units"] = "pm"
    other = stack.expand_dims(energy=[1.0, 2.0]).transpose("frame", "y", "x", "energy") * 2
    made = align_images(other, small)
    assert made.dims == other.dims
    np.testing.assert_allclose(made[..., 1], 2 * found["registered"], atol=1e-9)
    cropped = align_images(stack, found, crop=True)
    assert cropped.notnull().all()
    whole = align_images(stack, found)
    np.testing.assert_array_equal(cropped, whole.sel(y=cropped["y"], x=cropped["x"]))
    assert int(whole.notnull().all("frame").sum()) == cropped[0].size


@pytest.mark.shared
def test_the_drifting_frames_of_the_reference_set_are_found(shared):
    held = np.load(shared / "data" / "stem" / "drift_stack_a.npz")
    values = held["stack"].astype(np.float32)
    coords = {
        dim: coordinate(dim, np.arange(size, dtype=float), "px")
        for dim, size in zip(("frame", "y", "x"), values.shape, strict=True)
    }
    found = register(xr.DataArray(values, coords, dims=("frame", "y", "x")))
    away = np.stack([found["shift_y"], found["shift_x"]], axis=-1) - held["shift_px"]
    assert np.sqrt((away**2).mean()) < 0.03


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (lambda stack: stack[0], {}, "expected a stack of images"),
        (lambda stack: stack[:1], {}, "1 frames; at least 2"),
        (lambda stack: stack, {"dim": "time"}, "dimension of frames among"),
        (lambda stack: stack, {"method": "magic"}, "method must be one of"),
        (lambda stack: stack, {"reference": "last"}, "reference must be one of"),
        (lambda stack: stack, {"max_shift": 0.01}, "max_shift must be a pixel or more"),
        (lambda stack: stack, {"method": "demons", "smoothing": -1.0}, "smoothing must be above 0"),
        (lambda stack: stack[:, :4], {}, "at least 8"),
        (lambda stack: stack * 1j, {}, "real numbers"),
    ],
)
def test_what_cannot_be_registered_is_refused(change, arguments, message):
    with pytest.raises(DataError, match=message):
        register(change(stack_of(drift(3))), **arguments)


def test_shifts_that_do_not_fit_are_refused():
    stack = stack_of(drift(3))
    found = register(stack)
    with pytest.raises(DataError, match="missing"):
        align_images(stack, found[["shift_y"]])
    with pytest.raises(DataError, match="which the data have not"):
        align_images(stack[0].drop_vars("frame"), found)
    with pytest.raises(DataError, match="shifts must be known"):
        align_images(stack, found.chunk(), crop=True)
    other = found.assign(shift_y=found["shift_y"].assign_attrs(units="V"))
    with pytest.raises(DataError, match="'V'"):
        align_images(stack, other)
    far = found.assign(shift_y=found["shift_y"] * 0 + [0.0, 40.0, -40.0])
    far["shift_y"].attrs["units"] = "nm"
    with pytest.raises(DataError, match="no pixel along 'y'"):
        align_images(stack, far, crop=True)


def test_stacks_are_registered_by_default_and_other_images_are_not():
    stack = stack_of(drift(4), noise=0.02)
    entry = next(each for each in analyses_for(stack) if each.title == "Registration")
    made = entry.function(stack)
    assert made["Registered mean"].dims == ("y", "x")
    assert {"shift_y", "shift_x_std"} <= set(made["Shifts"])
    assert entry.function(stack * 0 + 1.0) == {}
    for other in (stack[0], stack.rename(frame="z"), stack[:1]):
        assert all(each.title != "Registration" for each in analyses_for(other))
