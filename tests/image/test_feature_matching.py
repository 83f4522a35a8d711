"""Images that are far apart in angle, scale or contrast, brought to the same place."""

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

from omniscopy.image import match_features, transform
from omniscopy.model import DataError, Status, coordinate

STEP = 0.5


def scene(y, x):
    """Bright and dark spots of several sizes, without any order, at places in nm."""
    rng = np.random.default_rng(4)
    made = np.zeros(np.broadcast_shapes(y.shape, x.shape))
    for _ in range(160):
        centre, width = rng.uniform(-75, 75, 2), rng.uniform(1.2, 5.0)
        made += rng.choice([-1, 1]) * np.exp(
            -((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * width**2)
        )
    return made


def axes(shape, step=(STEP, STEP), start=(0.0, 0.0)):
    return {
        dim: coordinate(dim, first + by * np.arange(size), "nm")
        for dim, size, by, first in zip("yx", shape, step, start, strict=True)
    }


def view(matrix, offset, shape=(170, 190), *, step=(STEP, STEP), start=(0.0, 0.0), noise=0.02):
    """Return an image whose place r from its middle shows the place matrix r + offset."""
    coords = axes(shape, step, start)
    y, x = (each.values - (each.values[0] + each.values[-1]) / 2 for each in coords.values())
    r = np.stack(np.meshgrid(y, x, indexing="ij"))
    there = np.einsum("ij,jyx->iyx", matrix, r) + np.reshape(offset, (2, 1, 1))
    values = scene(*there) + noise * np.random.default_rng(1).standard_normal(shape)
    return xr.DataArray(values, coords, dims=("y", "x"), attrs={"units": "V"})


def turn(degrees, scale=1.0):
    angle = np.deg2rad(degrees)
    return scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


REFERENCE = view(np.eye(2), (0.0, 0.0), start=(100.0, 30.0))
# The middle of the reference and of images of its shape that start at 0.
MIDDLE = np.array([100 + STEP * 169 / 2, 30 + STEP * 189 / 2])
OWN = np.array([STEP * 169 / 2, STEP * 189 / 2])


def entries(found):
    return np.array([[found[f"matrix_{a}{b}"] for b in "yx"] for a in "yx"], dtype=float)


@pytest.mark.parametrize(
    ("model", "method", "matrix"),
    [
        ("shift", "sift", np.eye(2)),
        ("rigid", "sift", turn(70)),
        ("similarity", "sift", turn(-115, 1.5)),
        ("similarity", "orb", turn(35, 1.1)),
        ("affine", "sift", np.array([[0.95, 0.4], [-0.2, 1.15]])),
    ],
)
def test_maps_far_from_one_are_found_with_their_spread(model, method, matrix):
    offset = (6.0, -9.0)
    found = match_features(view(matrix, offset), REFERENCE, model=model, method=method)
    assert found["status"] == Status.CONVERGED
    assert found["matches"] > 15
    close = 0.02 if method == "orb" else 0.006
    np.testing.assert_allclose(entries(found), matrix, atol=close)
    # Of the middle of the image, which starts at 0, to a place of the reference.
    moved = MIDDLE + offset - OWN
    for name, value in zip("yx", moved, strict=True):
        assert float(found[f"offset_{name}"]) == pytest.approx(value, abs=40 * close * STEP)
        assert found[f"offset_{name}"].attrs["units"] == "nm"
        assert 0 < found[f"offset_{name}_std"] < 0.2
    if model != "affine":
        angle = np.rad2deg(np.arctan2(matrix[0, 1], matrix[0, 0]))
        assert float(found["rotation"]) == pytest.approx(angle, abs=0.5)
        assert float(found["scale"]) == pytest.approx(np.sqrt(np.linalg.det(matrix)), rel=0.01)
    away = abs(found["registered"] - REFERENCE)
    assert away.median() < 0.08
    assert found["registered"].attrs["units"] == "V"


def test_a_turn_by_half_brings_the_middle_to_the_middle():
    found = match_features(view(turn(180), (0.0, 0.0), start=(100.0, 30.0)), REFERENCE)
    assert abs(float(found["offset_y"])) < 0.02
    assert abs(float(found["offset_x"])) < 0.02


def test_transform_takes_what_is_found():
    image = view(turn(30), (1.0, 2.0), start=(100.0, 30.0))
    found = match_features(image, REFERENCE, model="rigid")
    matrix = tuple(map(tuple, entries(found)))
    moved = transform(image, matrix, offset=(float(found["offset_y"]), float(found["offset_x"])))
    xr.testing.assert_allclose(moved.drop_attrs(), found["registered"].drop_attrs(), atol=1e-6)


def test_the_negative_and_other_pixels_are_recognised():
    matrix = turn(25)
    image = -3 * view(matrix, (0.0, 4.0), (140, 120), step=(-0.9, 0.6)) + 7
    found = match_features(image, REFERENCE)
    assert found["contrast"] == -1
    assert float(found["rotation"]) == pytest.approx(25, abs=0.7)
    assert float(found["scale"]) == pytest.approx(1, abs=0.02)
    assert found["registered"].sizes == REFERENCE.sizes


def test_the_spread_is_that_of_many_images():
    turns, spread = [], []
    clean = view(turn(50), (3.0, 3.0), noise=0.0)
    for n in range(12):
        noise = np.random.default_rng(n).standard_normal(clean.shape)
        found = match_features(clean + 0.1 * noise, REFERENCE, model="rigid")
        turns.append(float(found["rotation"]))
        spread.append(float(found["rotation_std"]))
    assert 0.4 < np.std(turns, ddof=1) / np.mean(spread) < 2.0
    assert np.mean(turns) == pytest.approx(50, abs=4 * np.mean(spread))


def test_images_of_nothing_in_common_and_without_pixels_are_told_apart():
    rng = np.random.default_rng(0)
    other = REFERENCE.copy(data=ndimage.gaussian_filter(rng.normal(size=REFERENCE.shape), 2))
    empty = REFERENCE * np.nan
    flat = REFERENCE * 0
    stack = xr.concat([REFERENCE, other, empty, flat], "frame")
    found = match_features(stack, REFERENCE)
    assert list(found["status"].values) == [
        Status.CONVERGED, Status.INVALID, Status.NO_DATA, Status.INVALID,
    ]  # fmt: skip
    assert found["registered"][1:].isnull().all()
    np.testing.assert_allclose(entries(found.isel(frame=0)), np.eye(2), atol=1e-6)


def test_missing_pixels_have_no_features():
    image = view(turn(20), (0.0, 0.0))
    image[40:80, 60:120] = np.nan
    found = match_features(image, REFERENCE)
    assert float(found["rotation"]) == pytest.approx(20, abs=0.3)
    assert found["registered"].isnull().any()


@pytest.mark.parametrize(
    ("reference", "arguments", "message"),
    [
        (REFERENCE[:10], {}, "at least 16"),
        (REFERENCE.expand_dims("frame"), {}, "choose one"),
        (REFERENCE, {"model": "cubic"}, "model"),
        (REFERENCE, {"max_residual": -1.0}, "above 0"),
        (REFERENCE.assign_coords({d: coordinate(d, np.arange(n), "um")
                                  for d, n in REFERENCE.sizes.items()}), {}, "same units"),
    ],
)  # fmt: skip
def test_wrong_calls_say_what_to_do(reference, arguments, message):
    with pytest.raises(DataError, match=message):
        match_features(REFERENCE, reference, **arguments)
