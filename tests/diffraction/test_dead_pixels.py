"""Hot pixels, dead rows and NaN are left out by whatever is measured of patterns."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import diffraction, samples, simulate
from omniscopy.model import DataError


def spoilt(data, places, row, height=5.0):
    """Return patterns with a dead row and hot pixels, and which pixels these are."""
    dead = xr.zeros_like(data.isel(y=0, x=0), dtype=bool)
    dead[{"ky": row}] = True
    hot = xr.zeros_like(dead)
    for ky, kx in places:
        dead[{"ky": ky, "kx": kx}] = True
        hot[{"ky": ky, "kx": kx}] = True
    noise = np.random.default_rng(0).random((data.sizes["y"], data.sizes["x"], 1, 1))
    top = data.copy(data=np.broadcast_to(height * float(data.max()) * noise, data.shape))
    return data.where(~dead, 0.0).where(~hot, top), dead


def truth_of(data, found, margin=4):
    """Return the true phase of a ptychographic scan at the pixels of a result, without edges."""
    truth = data.attrs["metadata"]["truth"]
    y, x = found["y"].values, found["x"].values
    total = sum(
        height
        * np.outer(
            np.exp(-0.5 * (y - at_y) ** 2 / truth["width"] ** 2),
            np.exp(-0.5 * (x - at_x) ** 2 / truth["width"] ** 2),
        )
        for at_y, at_x, height in truth["atoms"]
    )
    inside = (slice(margin, -margin), slice(margin, -margin))
    return total[inside], found["phase"].values[inside]


def error_of(data, found):
    truth, seen = truth_of(data, found)
    return np.std(seen - truth) / np.std(truth)


@pytest.fixture(scope="module")
def overlapping():
    data = simulate.ptychography_4d((18, 17), 32, pixel=0.8, sampling=0.05, phase=0.1)
    return data, *spoilt(data, ((14, 18), (19, 12), (4, 4), (16, 16)), 17)


@pytest.mark.parametrize("method", ["ssb", "matched", "wdd", "epie", "lsqml", "gradient"])
def test_phases_are_as_good_without_pixels_that_are_dead(overlapping, method):
    data, bad, dead = overlapping
    run = diffraction.reconstruct_ptychography
    right = error_of(data, run(data, method=method, max_steps=8))
    kept = run(bad, method=method, max_steps=8, dead=dead)
    # Position by position, what is not known holds the others up.
    assert error_of(data, kept) < (2.0 if method == "epie" else 1.1) * right + 0.005
    # The scale is that of the whole beam, of which a part is on dead pixels.
    seen = truth_of(data, kept)[1]
    whole = truth_of(data, run(data, method=method, max_steps=8))[1]
    assert np.std(seen) == pytest.approx(np.std(whole), rel=0.06 if method == "epie" else 0.02)
    assert error_of(data, run(bad, method=method, max_steps=8)) > 1.5 * error_of(data, kept)
    blank = run(bad.where(~dead), method=method, max_steps=8)
    np.testing.assert_allclose(blank["phase"], kept["phase"], atol=1e-4)


def test_parallax_is_as_good_without_pixels_that_are_dead():
    data = samples.defocused_4d()
    middle = data.sizes["ky"] // 2
    bad, dead = spoilt(data, ((middle - 3, middle + 2), (middle + 2, middle - 4)), middle)
    plain, kept, lost = (
        diffraction.reconstruct_parallax(each, **options)
        for each, options in ((data, {}), (bad, {"dead": dead}), (bad, {}))
    )
    for name in ("defocus", "rotation", "astigmatism"):
        away = abs(float(kept[name]) - float(plain[name]))
        assert away < max(3 * float(plain[f"{name}_std"]), 0.05)
    scatter = float((plain["phase"] - kept["phase"]).std() / plain["phase"].std())
    assert scatter < 0.02
    # Hot pixels would be a part of the total that phases are of.
    assert float((plain["phase"] - lost["phase"]).std() / plain["phase"].std()) > 3 * scatter
    assert float(kept["image"].std()) == pytest.approx(float(plain["image"].std()), rel=0.03)
    assert np.isnan(kept["shift_y"].values[dead.values]).all()


@pytest.fixture(scope="module")
def beams():
    data = samples.nanobeam_4d().astype(float)
    return data, *spoilt(data, ((10, 12), (30, 33), (20, 9)), 22)


def test_discs_are_found_beside_pixels_that_are_dead(beams):
    data, bad, dead = beams
    template = samples.nanobeam_template()
    found, kept, lost = (
        diffraction.find_discs(each, template, max_discs=12, **options)
        for each, options in ((data, {}), (bad, {"dead": dead}), (bad, {}))
    )
    strain = [
        diffraction.fit_lattice(each)["a_kx"].values for each in (found, kept, lost)
    ]  # fmt: skip
    assert np.abs(strain[1] - strain[0]).max() < 0.02
    assert (kept["count"] >= found["count"] - 1).all()
    # Without being told, a hot pixel is taken for a disc, or moves one.
    worse = np.abs(strain[2] - strain[0])
    assert not worse.max() < 2 * np.abs(strain[1] - strain[0]).max()


CASES = [
    ("transform_polar", {"angle_step": 6.0, "centre": (0.15, -0.25)}, None),
    ("measure_fluctuations", {"step": 0.5, "centre": (0.15, -0.25)}, "mean"),
    ("measure_angular_correlation", {"angle_step": 6.0, "centre": (0.15, -0.25)}, "power"),
    ("measure_time_correlation", {"dim": "x", "step": 0.5, "centre": (0.15, -0.25)}, "correlation"),
    ("radial_profile", {"step": 0.5, "centre": (0.15, -0.25)}, None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "variable"), CASES)
def test_whatever_dead_pixels_hold_is_in_no_profile(beams, name, options, variable):
    _, bad, dead = beams
    function = getattr(diffraction, name)
    made = [
        function(each, dead=dead, **options)
        for each in (bad, bad.where(~dead, 1e9), bad.where(~dead))
    ]
    made = [each if variable is None else each[variable] for each in made]
    for other in made[1:]:
        xr.testing.assert_allclose(made[0], other)
    assert float(made[0].max()) < 1e6
    lost = function(bad.where(~dead, 1e9), **options)
    lost = lost if variable is None else lost[variable]
    assert not np.allclose(lost, made[0], equal_nan=True)


@pytest.mark.parametrize("name", ["fit_patterns", "fit_cepstrum"])
def test_lattices_of_whole_patterns_leave_dead_pixels_out(beams, name):
    data, bad, dead = beams
    options = {"radius": 1.2}
    own = (samples.nanobeam_lattice(),) if name == "fit_patterns" else ()
    function = getattr(diffraction, name)
    plain, kept, lost = (
        function(each, *own, **options, **more)
        for each, more in ((data, {}), (bad, {"dead": dead}), (bad, {}))
    )
    assert (kept["status"] == plain["status"]).all()
    size = float(np.hypot(plain["a_ky"], plain["a_kx"]).mean())
    away = [float(np.hypot(e["a_ky"] - plain["a_ky"], e["a_kx"] - plain["a_kx"]).mean())
            for e in (kept, lost)]  # fmt: skip
    assert away[0] < 0.01 * size
    assert not away[1] < 2 * away[0]


def test_angles_are_summed_without_dead_pixels():
    data = samples.phase_grating_4d().astype(float)
    middle = data.sizes["ky"] // 2
    bad, dead = spoilt(data, ((middle + 2, middle),), 1, 500.0)
    for function, angles in (
        (diffraction.bright_field_image, (20.0,)), (diffraction.dark_field_image, (1.0,)),
    ):  # fmt: skip
        kept = function(bad, *angles, dead=dead)
        told = function(data.where(~dead), *angles)
        xr.testing.assert_allclose(kept, told)
        assert float(function(bad, *angles).mean()) > 1.5 * float(kept.mean())


def test_dead_pixels_of_another_camera_are_refused(overlapping):
    data, _, dead = overlapping
    for function in (diffraction.reconstruct_parallax, diffraction.reconstruct_ptychography):
        with pytest.raises(DataError, match="do not fit to patterns"):
            function(data, dead=dead.isel(kx=slice(1, None)))
        with pytest.raises(DataError, match="do not fit to patterns"):
            function(data, dead=dead.expand_dims(camera=2))
