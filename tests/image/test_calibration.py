"""Scales from spots of known lattices."""

import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy import samples, simulate
from omniscopy.image import correct_scale, find_fourier_spots, fit_calibration
from omniscopy.model import DataError, Status


def spots_of(a, b, angle, scale=(1.0, 1.0), skew=0.0, rotation=0.0):  # noqa: PLR0917
    """Return the exact spots of a lattice in an image whose coordinates are wrong."""
    turn, between = np.radians(rotation), np.radians(angle + rotation)
    # Vectors in the true image, as rows of (y, x).
    true = np.array([[a * np.sin(turn), a * np.cos(turn)],
                     [b * np.sin(between), b * np.cos(between)]])  # fmt: skip
    wrong = np.linalg.inv(np.array([[scale[0], 0.0], [skew, scale[1]]]))
    seen = true @ wrong.T
    reciprocal = np.linalg.inv(seen).T
    indices = [(1, 0), (0, 1), (1, 1), (1, -1), (2, 0), (0, 2), (2, 1)]
    g = np.array(indices) @ reciprocal
    g *= np.where((g[:, 1] > 0) | ((g[:, 1] == 0) & (g[:, 0] > 0)), 1, -1)[:, None]
    height = np.exp(-0.1 * np.linalg.norm(g, axis=1))
    return xr.Dataset({
        "ky": ("peak", g[:, 0], {"units": "1/nm"}), "kx": ("peak", g[:, 1], {"units": "1/nm"}),
        "amplitude": ("peak", height, {"units": "V"}),
    })  # fmt: skip


CASES = [
    (0.39, None, 90.0, (0.97, 1.03), 0.02, 5.0),
    (0.39, 0.39, 90.0, (1.05, 0.96), -0.03, -12.0),
    (0.246, 0.246, 120.0, (0.96, 0.98), 0.01, 8.0),
    (0.3, 0.47, 90.0, (1.02, 0.93), 0.0, 20.0),
    (0.41, 0.55, 75.0, (0.98, 1.04), 0.03, -7.0),
]


@pytest.mark.parametrize("case", CASES)
def test_scales_skew_and_rotation_are_found(case):
    a, b, angle, scale, skew, rotation = case
    spots = spots_of(a, b or a, angle, scale, skew, rotation)
    found = fit_calibration(spots, a, b, angle)
    assert int(found["status"]) == Status.CONVERGED
    assert int(found["spots"]) == 7
    assert float(found["scale_y"]) == pytest.approx(scale[0], abs=1e-6)
    assert float(found["scale_x"]) == pytest.approx(scale[1], abs=1e-6)
    assert float(found["skew"]) == pytest.approx(skew, abs=1e-6)
    assert float(found["rotation"]) == pytest.approx(rotation, abs=1e-4)
    assert float(found["residual"]) < 1e-8


@pytest.mark.parametrize("stated", [False, True])
def test_scales_scatter_as_they_say(stated):
    spots, rng, pulls = spots_of(*CASES[0][:1], 0.39, *CASES[0][2:]), np.random.default_rng(4), []
    for _ in range(150):
        noisy = spots.copy()
        for name in ("ky", "kx"):
            noisy[name] = spots[name] + rng.normal(0.0, 0.004, spots.sizes["peak"])
            noisy[name].attrs["units"] = "1/nm"
            if stated:
                noisy[f"{name}_std"] = ("peak", np.full(7, 0.004), {"units": "1/nm"})
        found = fit_calibration(noisy, 0.39)
        pulls.append([
            (float(found[name]) - truth) / float(found[f"{name}_std"])
            for name, truth in (("scale_y", 0.97), ("scale_x", 1.03), ("skew", 0.02))
        ])  # fmt: skip
    # With 10 degrees of freedom, Student's t scatters by 1.12.
    np.testing.assert_allclose(np.std(pulls, axis=0), 0.95 if stated else 1.12, atol=0.17)


def test_lengths_may_be_in_other_units():
    spots = spots_of(0.39, 0.39, 90.0, (0.97, 1.03), 0.02, 5.0)
    found = fit_calibration(spots, 3.9, units="angstrom")
    assert float(found["scale_x"]) == pytest.approx(1.03, abs=1e-6)


def test_a_spot_that_does_not_belong_is_left_out():
    spots = spots_of(0.39, 0.39, 90.0, (0.97, 1.03), 0.02, 5.0)
    spots["ky"][3] += 0.9
    found = fit_calibration(spots, 0.39)
    assert int(found["spots"]) == 6
    assert float(found["scale_x"]) == pytest.approx(1.03, abs=1e-6)


def test_an_image_gets_its_true_coordinates():
    image = simulate.atom_image(a=(0.02, 0.41), b=(0.37, -0.01), rng=3)
    found = fit_calibration(find_fourier_spots(image), 0.39)
    truth = (
        np.array([[0.02, 0.41], [0.37, -0.01]])
        @ np.array(
            [[float(found["scale_y"]), 0.0], [float(found["skew"]), float(found["scale_x"])]]
        ).T
    )
    np.testing.assert_allclose(np.linalg.norm(truth, axis=1), 0.39, rtol=2e-3)
    assert abs(truth[0] @ truth[1]) < 2e-3 * 0.39**2
    fixed = correct_scale(image, found)
    np.testing.assert_allclose(fixed["x"], image["x"] * float(found["scale_x"]))
    assert fixed["y"].attrs["units"] == "nm"
    np.testing.assert_array_equal(fixed, image)


def test_the_reported_spread_is_the_scatter():
    values = []
    for seed in range(24):
        image = simulate.atom_image((96, 100), counts=30.0, a=(0.0, 0.39), b=(0.39, 0.0), rng=seed)
        values.append(fit_calibration(find_fourier_spots(image), 0.39))
    found = xr.concat(values, "frame")
    for name in ("scale_y", "scale_x", "skew", "rotation"):
        scatter = float(found[name].std())
        reported = float((found[f"{name}_std"] ** 2).mean()) ** 0.5
        assert 0.5 < scatter / reported < 1.5, name


def test_coordinates_of_patterns_are_divided():
    pattern = samples.distorted_rings()
    scales = xr.Dataset({"scale_y": 1.25, "scale_x": 0.8})
    fixed = correct_scale(pattern, scales)
    np.testing.assert_allclose(fixed["ky"], pattern["ky"] / 1.25)
    np.testing.assert_allclose(fixed["kx"], pattern["kx"] / 0.8)


def test_spots_of_no_such_lattice_have_a_status():
    good = spots_of(0.39, 0.39, 90.0)
    stack = xr.concat([good, good * np.nan, good * 3.7], "frame", combine_attrs="override")
    for name in ("ky", "kx"):
        stack[name].attrs["units"] = "1/nm"
    found = fit_calibration(stack, 0.39)
    assert found["status"].values.tolist() == [0, Status.NO_DATA, Status.INVALID]
    assert np.isnan(found["scale_x"][1:]).all()


@pytest.mark.shared
def test_the_scan_of_strontium_titanate_is_calibrated(shared):
    image = om.open_signal(shared / "data" / "stem" / "sto_haadf_tia_1.ser")
    nm = om.model.convert_units(om.model.convert_units(image, "nm", dim="y"), "nm", dim="x")
    spots = find_fourier_spots(nm)
    found = fit_calibration(spots, 0.3905)
    steps = [abs(float(nm[dim][1] - nm[dim][0])) for dim in ("y", "x")]
    assert steps[1] * float(found["scale_x"]) == pytest.approx(0.00973, rel=5e-3)
    assert steps[0] * float(found["scale_y"]) == pytest.approx(0.00961, rel=5e-3)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda spots: fit_calibration(spots, -1.0), "a must be above 0"),
        (lambda spots: fit_calibration(spots, 1.0, 0.0), "b must be above 0"),
        (lambda spots: fit_calibration(spots, 1.0, angle=180.0), "angle must be 0 to 180"),
        (lambda spots: fit_calibration(spots[["spacing"]], 1.0), "along 'peak'"),
        (lambda spots: correct_scale(samples.atom_image(), spots), "from `fit_calibration`"),
        (
            lambda spots: correct_scale(
                samples.atom_image(),
                xr.Dataset({"scale_y": ("frame", [1.0]), "scale_x": ("frame", [1.0])}),
            ),
            "pick one",
        ),
        (
            lambda spots: correct_scale(
                samples.atom_image(), xr.Dataset({"scale_y": np.nan, "scale_x": 1.0})
            ),
            "found nothing",
        ),
    ],
)
def test_says_what_is_wrong(call, match):
    with pytest.raises(DataError, match=match):
        call(samples.fourier_spots())
