"""Images of single pixels of the disc, of probes whose defocus and astigmatism are known."""

import numpy as np
import pytest

from omniscopy import simulate
from omniscopy.diffraction import reconstruct_parallax
from omniscopy.diffraction.parallax import optics
from omniscopy.diffraction.ptychography.experiment import Turn
from omniscopy.model import DataError, Status

SCAN = {"sampling": 0.08, "pixel": 0.8, "phase": 0.2}
LENS = {"defocus": 120.0, "astigmatism": 25.0, "astigmatism_angle": 20.0}


def block(shape=(22, 24), **options):
    return simulate.ptychography_4d(shape, 24, **{**SCAN, "aberrations": LENS, **options})


def phase_of(data, found):
    """Return the true phase at the positions of an image."""
    truth = data.attrs["metadata"]["truth"]
    y, x = found["y"].values, found["x"].values
    total = np.zeros((len(y), len(x)))
    for at_y, at_x, height in truth["atoms"]:
        along_y = np.exp(-0.5 * (y - at_y) ** 2 / truth["width"] ** 2)
        along_x = np.exp(-0.5 * (x - at_x) ** 2 / truth["width"] ** 2)
        total += height * np.outer(along_y, along_x)
    return total


@pytest.mark.parametrize(("rotation", "flip"), [(0.0, False), (-50.0, True)])
def test_the_lens_the_rotation_and_the_flip_are_found(rotation, flip):
    found = reconstruct_parallax(block(rotation=rotation, flip=flip))
    assert int(found["status"]) == Status.CONVERGED
    assert bool(found["flip"]) == flip
    assert float(found["rotation"]) == pytest.approx(rotation, abs=0.5)
    # Shifts alone are 5 % too long: near the edge of the disc one side band passes.
    for name, least in (("defocus", 2.0), ("astigmatism", 1.5), ("astigmatism_angle", 2.0)):
        assert abs(float(found[name]) - LENS[name]) < least
        assert 0 < float(found[f"{name}_std"]) < 3 * least


def test_a_probe_in_focus_is_told_to_be():
    data = block(aberrations={}, sampling=0.06)
    found = reconstruct_parallax(data, rotation=0.0, flip=False)
    assert abs(float(found["defocus"])) < 1.0 + 3 * float(found["defocus_std"])
    assert float(found["astigmatism"]) < 1.0
    inside = (slice(4, -4), slice(4, -4))
    truth, seen = (each[inside] for each in (phase_of(data, found), found["phase"].values))
    assert np.std(seen - truth) < 0.35 * np.std(truth)


@pytest.mark.parametrize(("rotation", "defocus"), [(130.0, -120.0), (-170.0, 120.0), (30.0, -90.0)])
def test_of_two_rotations_half_a_turn_apart_that_with_bright_atoms_is_found(rotation, defocus):
    data = block(aberrations={"defocus": defocus}, rotation=rotation)
    known = reconstruct_parallax(data, rotation=rotation, flip=False)
    assert float(known["defocus"]) == pytest.approx(defocus, abs=3.0)
    free = reconstruct_parallax(data)
    assert float(free["rotation"]) == pytest.approx(rotation, abs=0.5)
    assert float(free["defocus"]) == pytest.approx(defocus, abs=3.0)
    inside = (slice(5, -5), slice(5, -5))
    truth = phase_of(data, free)[inside]
    for name in ("phase", "flipped_image"):
        assert np.corrcoef(free[name].values[inside].ravel(), truth.ravel())[0, 1] > 0.6


@pytest.mark.parametrize("rotation", [-90.0, -20.0, 0.0, 89.0, 90.0, 130.0, -179.0])
def test_half_a_turn_with_the_opposite_lens_moves_images_alike(rotation):
    lens = np.array([-120.0, 20.0, -15.0, rotation])
    within, other = optics.within_quarters(lens), optics.half_turned(lens)
    assert -90.0 <= within[3] < 90.0
    assert -180.0 <= other[3] <= 180.0
    for values in (within, other):
        slopes = [
            Turn(float(each[3]), False).matrix.T
            @ np.array([[each[0] - each[1], each[2]], [each[2], each[0] + each[1]]])
            for each in (lens, values)
        ]
        np.testing.assert_allclose(*slopes, atol=1e-9)


def test_atoms_are_bright_in_the_phase_and_in_the_image_with_its_contrast_flipped():
    data = block()
    found = reconstruct_parallax(data, rotation=0.0, flip=False)
    inside = (slice(5, -5), slice(5, -5))
    truth = phase_of(data, found)[inside]
    alike = {
        name: np.corrcoef(found[name].values[inside].ravel(), truth.ravel())[0, 1]
        for name in ("image", "flipped_image", "phase")
    }
    assert alike["image"] < -0.6  # underfocus makes atoms dark
    assert alike["flipped_image"] > 0.75
    assert alike["phase"] > 0.95
    seen = found["phase"].values[inside]
    assert np.std(seen - truth) < 0.35 * np.std(truth)


def test_images_of_a_finer_grid_have_the_coordinates_and_the_object_of_it():
    data = block((20, 20), sampling=0.12)
    found = reconstruct_parallax(data, rotation=0.0, flip=False, upsampling=2)
    assert found["phase"].sizes == {"y": 40, "x": 40}
    np.testing.assert_allclose(found["y"][:3], [0.0, 0.06, 0.12], atol=1e-12)
    inside = (slice(10, -10), slice(10, -10))
    truth = phase_of(data, found)[inside]
    assert np.corrcoef(found["phase"].values[inside].ravel(), truth.ravel())[0, 1] > 0.35


def test_layers_are_in_focus_at_their_height():
    data = block(aberrations={"defocus": 120.0})
    found = reconstruct_parallax(data, rotation=0.0, flip=False, depths=[-6.0, 0.0, 6.0])
    assert found["sections"].dims == ("z", "y", "x")
    contrast = found["sections"].std(["y", "x"]).values
    assert contrast[1] > 1.3 * max(contrast[0], contrast[2])
    np.testing.assert_allclose(found["sections"][1], found["image"], atol=1e-12)


def test_the_lens_is_found_in_noise():
    found = [
        reconstruct_parallax(block(counts=20000, rng=rng), rotation=0.0, flip=False)
        for rng in range(2)
    ]
    for each in found:
        assert abs(float(each["defocus"]) - 120.0) < 2.0 + 3 * float(each["defocus_std"])
        assert 0 < float(each["defocus_std"]) < 5.0


@pytest.mark.parametrize("rotation", [-80.0, -20.0, 0.0, 45.0, 89.0])
@pytest.mark.parametrize("flip", [False, True])
def test_the_slope_of_shifts_is_taken_apart_exactly(rotation, flip):
    c10, a, b = -120.0, 20.0, -15.0
    hessian = np.array([[c10 - a, b], [b, c10 + a]])
    slope = -Turn(rotation, flip).matrix.T @ hessian
    values, flipped = optics.of_slope(slope, None, flip=None)
    assert flipped == flip
    np.testing.assert_allclose(values, [c10, a, b, rotation], atol=1e-9)


def test_dark_data_and_a_disc_that_is_not_there_are_told():
    data = block((6, 6))
    assert int(reconstruct_parallax(data * 0 + 0.0 * data)["status"]) == Status.NO_DATA
    nothing = reconstruct_parallax(data.copy(data=np.full(data.shape, np.nan)))
    assert int(nothing["status"]) == Status.NO_DATA
    assert np.isnan(nothing["phase"]).all()


def test_wrong_calls_are_refused():
    data = block((6, 6))
    with pytest.raises(DataError, match="at least 4 are needed"):
        reconstruct_parallax(data.isel(y=slice(0, 1)))
    with pytest.raises(DataError, match="upsampling must be a whole number"):
        reconstruct_parallax(data, upsampling=0)
    with pytest.raises(DataError, match="regularisation must be positive"):
        reconstruct_parallax(data, regularisation=0.0)


@pytest.mark.parametrize("dim", ["y", "kx"])
def test_astigmatism_is_along_coordinates_that_fall(dim):
    falling = block().isel({dim: slice(None, None, -1)})
    found = reconstruct_parallax(falling, rotation=0.0, flip=False)
    assert float(found["astigmatism_angle"]) == pytest.approx(LENS["astigmatism_angle"], abs=2.0)
