"""Roughness of areas, and the bearing curve."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from tests.image.images import image

from omniscopy import samples, simulate
from omniscopy.image import bearing_curve, measure_roughness
from omniscopy.image.roughness.surface_slopes import (
    cell_areas,
    mean_of_finite,
    slope_and_area,
    slopes_along,
)
from omniscopy.model import DataError


def sinusoid(shape=(60, 80), periods=(0, 4), amplitude=3.0, steps=(0.5, 2.0)):
    y, x = np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij")
    return image(amplitude * np.sin(2 * np.pi * (periods[0] * y + periods[1] * x) + 0.3), steps)


def test_a_sinusoid_has_the_closed_forms():
    found = measure_roughness(sinusoid((8, 4000)))
    assert float(found["sq"]) == pytest.approx(3 / 2**0.5)
    assert float(found["sa"]) == pytest.approx(2 * 3 / np.pi, rel=1e-5)
    assert float(found["ssk"]) == pytest.approx(0.0, abs=1e-12)
    assert float(found["sku"]) == pytest.approx(1.5)
    assert float(found["sz"]) == pytest.approx(6.0, rel=1e-5)


@pytest.mark.parametrize(("detrend", "left"), [("plane", 0.0), ("mean", None), ("none", None)])
def test_a_plane_is_flat_only_after_levelling(detrend, left):
    y, x = np.meshgrid(np.arange(12.0), np.arange(9.0), indexing="ij")
    data = image(4.0 + 0.3 * y - 0.7 * x, (1.0, 1.0))
    found = measure_roughness(data, detrend=detrend)
    if left is None:
        assert float(found["sq"]) > 1.0
        assert float(found["sdq"]) == pytest.approx(np.hypot(0.3, 0.7))
        assert float(found["sdr"]) == pytest.approx(np.sqrt(1 + 0.3**2 + 0.7**2) - 1)
    else:
        for name in ("sa", "sq", "sp", "sv", "sz", "sk", "spk", "svk", "vmp", "vvv", "sdq"):
            assert float(found[name]) == pytest.approx(0.0, abs=1e-12)
        assert np.isnan(found["ssk"])
        assert np.isnan(found["std"])
    assert float(found["projected_area"]) == 12 * 9


def test_the_level_counts_without_detrending():
    found = measure_roughness(image(np.full((4, 5), 2.0)), detrend="none")
    assert float(found["sq"]) == 2.0
    assert float(found["sp"]) == 2.0
    assert float(found["sv"]) == -2.0


def test_slopes_and_areas_know_both_steps_and_the_units_of_height():
    waves = sinusoid((60, 400), (0, 4))
    length = 400 * 2.0 / 4
    expected = 2 * np.pi * 3.0 / length / 2**0.5
    assert float(measure_roughness(waves)["sdq"]) == pytest.approx(expected, rel=0.01)
    across = sinusoid((400, 60), (5, 0))
    expected = 2 * np.pi * 3.0 / (400 * 0.5 / 5) / 2**0.5
    assert float(measure_roughness(across)["sdq"]) == pytest.approx(expected, rel=0.01)
    micrometres = (waves * 1e-3).assign_attrs(units="µm")
    for name in ("sdq", "sdr"):
        one, other = measure_roughness(waves)[name], measure_roughness(micrometres)[name]
        assert one.attrs["units"] == other.attrs["units"] == "1"
        assert float(other) == pytest.approx(float(one))


def test_volts_have_slopes_but_no_area():
    found = measure_roughness(sinusoid().assign_attrs(units="V"))
    assert found["sdq"].attrs["units"] == "V/nm"
    assert found["vmp"].attrs["units"] == "V"
    assert "sdr" not in found


@pytest.mark.parametrize("shape", [(40, 31), (5, 30), (30, 6), (2, 2), (3, 8)])
@pytest.mark.parametrize("missing", [0, 7])
def test_slopes_and_areas_in_one_pass_are_those_in_many(shape, missing):
    rng = np.random.default_rng(3)
    values = rng.standard_normal(shape)
    values.ravel()[rng.choice(values.size, min(missing, values.size // 2), replace=False)] = np.nan
    steps, factor = (0.7, 2.0), 3.0
    down, across = (slopes_along(values, step, axis) for axis, step in enumerate(steps))
    expected = mean_of_finite(down**2 + across**2), mean_of_finite(
        cell_areas(factor * values, steps)
    )  # fmt: skip
    np.testing.assert_allclose(slope_and_area(values, steps, factor), expected, rtol=1e-12)


@pytest.mark.parametrize("detrend", ["mean", "plane", "none"])
def test_the_mean_plane_is_that_before_anything_was_subtracted(detrend):
    rng = np.random.default_rng(0)
    y, x = np.meshgrid(0.5 * np.arange(30), 2.0 * np.arange(40), indexing="ij")
    heights = 100.0 * y - 250.0 * x + 1e-3 * rng.standard_normal(y.shape)
    heights[3, 5] = np.nan
    found = measure_roughness(image(heights, units=("pm", "nm", "nm")), detrend=detrend)
    assert float(found["azimuth"]) == pytest.approx(np.rad2deg(np.arctan2(0.1, -0.25)), abs=1e-3)
    expected = np.rad2deg(np.arctan(np.hypot(0.1, 0.25)))
    assert float(found["inclination"]) == pytest.approx(expected, abs=1e-4)
    flat = measure_roughness(image(np.full((9, 9), 3.0)), detrend=detrend)
    assert float(flat["inclination"]) == 0.0
    assert np.isnan(flat["azimuth"])


@pytest.mark.parametrize(
    ("draw", "entropy"),
    [
        (lambda rng: rng.standard_normal((500, 500)), 0.5 * np.log(2 * np.pi * np.e)),
        (lambda rng: rng.random((500, 500)), np.log(2 * 3**0.5)),
        (lambda rng: rng.exponential(size=(500, 500)), 1.0),
    ],
)
def test_the_entropy_is_that_of_the_distribution(draw, entropy):
    data = image(7.0 * draw(np.random.default_rng(1)))
    assert float(measure_roughness(data)["entropy"]) == pytest.approx(entropy, abs=0.02)


def test_the_extreme_peaks_are_those_of_the_standard():
    ramp = image(np.arange(400.0 * 100).reshape(400, 100))
    assert float(measure_roughness(ramp)["sxp"]) == pytest.approx(0.475 * 40000, rel=1e-4)


def test_the_strongest_wavelength_is_found():
    y, x = np.meshgrid(0.5 * np.arange(120), 2.0 * np.arange(90), indexing="ij")
    waves = np.sin(2 * np.pi * (y * 3 / 60 + x * 4 / 180)) + 0.4 * np.sin(2 * np.pi * x * 20 / 180)
    found = float(measure_roughness(image(waves))["ssw"])
    assert found == pytest.approx(1 / np.hypot(3 / 60, 4 / 180))


def test_only_what_is_asked_for_is_measured():
    data = samples.surface()
    everything = measure_roughness(data)
    found = measure_roughness(data, quantities=["sdr", "sal", "std", "sk", "azimuth", "sa"])
    assert list(found.data_vars) == ["sdr", "sal", "std", "sk", "azimuth", "sa"]
    for name in found.data_vars:
        assert float(found[name]) == float(everything[name])


@pytest.mark.parametrize(
    ("quantities", "match"),
    [(["sdr", "sa"], "need heights and coordinates that are lengths"), ("sa", "must be a list"),
     ([], "must be a list"), (["ra"], "must be a list of some of")],
)  # fmt: skip
def test_quantities_that_are_not_known_are_refused(quantities, match):
    with pytest.raises(DataError, match=match):
        measure_roughness(image(np.eye(9), units=("V", "nm", "nm")), quantities=quantities)


def test_a_spherical_cap_has_its_area():
    radius, step, inside = 50.0, 0.25, 30.0
    y, x = (step * np.arange(-140, 141) for _ in "yx")
    r2 = y[:, None] ** 2 + x**2
    data = image(np.sqrt(radius**2 - r2), (step, step))
    found = measure_roughness(data, mask=image(r2 <= inside**2, (step, step)), masking="include")
    depth = radius - np.sqrt(radius**2 - inside**2)
    ratio = 2 * np.pi * radius * depth / (np.pi * inside**2)
    assert float(found["sdr"]) == pytest.approx(ratio - 1, rel=0.02)
    assert float(found["surface_area"]) == pytest.approx(2 * np.pi * radius * depth, rel=2e-3)


def ramp(n=2000, height=5.0):
    return image((height * (np.arange(2 * n) / (2 * n))).reshape(2, n), (1.0, 1.0))


def test_a_ramp_is_all_core():
    found = measure_roughness(ramp())
    expected = {
        "sk": 5.0, "spk": 0.0, "svk": 0.0, "smr1": 0.0, "smr2": 1.0, "vmp": 0.005 * 5,
        "vmc": 0.315 * 5, "vvc": 0.385 * 5, "vvv": 0.02 * 5,
    }  # fmt: skip
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(value, abs=3e-3), name


def test_plateaus_with_valleys_and_peaks_have_them_by_their_areas():
    # 10 % peaks that rise by 4, 70 % core that falls by 2, 20 % valleys down by 6.
    q = (np.arange(100000) + 0.5) / 100000
    curve = np.interp(q, [0, 0.1, 0.8, 1.0], [5.0, 1.0, -1.0, -7.0])
    rng = np.random.default_rng(0)
    found = measure_roughness(image(rng.permutation(curve).reshape(250, 400), (1.0, 1.0)))
    slope = 2.0 / 0.7
    top, bottom = 1.0 + 0.1 * slope, -1.0 - 0.2 * slope
    smr1 = 0.1 * (5.0 - top) / 4.0
    smr2 = 0.8 + 0.2 * (-1.0 - bottom) / 6.0
    assert float(found["sk"]) == pytest.approx(slope, rel=1e-3)
    assert float(found["smr1"]) == pytest.approx(smr1, rel=1e-3)
    assert float(found["smr2"]) == pytest.approx(smr2, rel=1e-3)
    assert float(found["spk"]) == pytest.approx(5.0 - top, rel=1e-3)
    assert float(found["svk"]) == pytest.approx(bottom + 7.0, rel=1e-3)


def test_normal_heights_have_known_volumes():
    # Of a normal distribution: Vm(p) = phi(t) - p t with t = its quantile of p.
    from scipy.stats import norm

    data = image(np.random.default_rng(1).standard_normal((600, 600)), (1.0, 1.0))
    found = measure_roughness(data)
    at = norm.isf([0.1, 0.8])
    material = norm.pdf(at) - at * [0.1, 0.8]
    void = norm.pdf(at) + at * [0.9, 0.2]
    assert float(found["vmp"]) == pytest.approx(material[0], rel=0.02)
    assert float(found["vmc"]) == pytest.approx(material[1] - material[0], rel=0.01)
    assert float(found["vvc"]) == pytest.approx(void[0] - void[1], rel=0.01)
    assert float(found["vvv"]) == pytest.approx(void[1], rel=0.02)
    assert float(found["sku"]) == pytest.approx(3.0, abs=0.05)


def rough(seed=0, xi=30.0, steps=(5.0, 5.0), shape=(256, 256)):
    return simulate.surface(
        shape, extent=tuple(n * s for n, s in zip(shape, steps, strict=True)), rms=1.0,
        correlation_length=xi, step_height=0.0, noise=0.0, rng=seed,
    )  # fmt: skip


def test_the_autocorrelation_length_is_that_of_the_surface():
    sal = [float(measure_roughness(rough(seed, steps=(5.0, 4.0)))["sal"]) for seed in range(6)]
    assert np.mean(sal) == pytest.approx(30.0 * np.log(5) ** 0.5, rel=0.06)
    found = measure_roughness(rough())
    assert 0.75 < float(found["str"]) <= 1.0
    assert found["sal"].attrs["units"] == "nm"


def test_a_stretched_surface_has_the_ratio_of_its_stretch():
    data = rough(3)
    stretched = data.assign_coords(x=("x", 3.0 * data["x"].values, data["x"].attrs))
    one, other = measure_roughness(data), measure_roughness(stretched)
    assert float(other["str"]) == pytest.approx(1 / 3, abs=0.08)
    assert float(other["sal"]) == pytest.approx(float(one["sal"]), rel=0.15)
    assert min(abs(float(other["std"])), 180 - abs(float(other["std"]))) < 25


@pytest.mark.parametrize(
    ("ky", "kx", "angle"),
    [(0.0, 0.1, 90.0), (0.1, 0.0, 0.0), (0.1, 0.1, 135.0), (0.05, -0.1, 63.43)],
)
def test_the_direction_is_that_of_the_ridges(ky, kx, angle):
    y, x = np.meshgrid(np.arange(200) * 1.0, np.arange(120) * 1.5, indexing="ij")
    found = measure_roughness(image(np.cos(2 * np.pi * (ky * y + kx * x)), (1.0, 1.5)))
    away = (float(found["std"]) - angle + 90) % 180 - 90
    assert abs(away) < 1.0
    assert found["std"].attrs["units"] == "deg"


def test_waves_that_never_end_have_no_aspect_ratio():
    assert np.isnan(measure_roughness(sinusoid())["str"])


@given(scale=st.floats(1e-6, 1e6), seed=st.integers(0, 20))
def test_units_of_height_scale_what_has_them(scale, seed):
    data = image(np.random.default_rng(seed).standard_normal((16, 12)))
    one, other = measure_roughness(data), measure_roughness((data * scale).assign_attrs(data.attrs))
    for name in ("sa", "sq", "sk", "spk", "svk", "vvc", "median"):
        assert float(other[name]) == pytest.approx(scale * float(one[name]), rel=1e-9)
    for name in ("ssk", "sku", "smr1", "smr2"):
        assert float(other[name]) == pytest.approx(float(one[name]), rel=1e-6, abs=1e-9)


def test_points_of_a_mask_and_missing_ones_are_left_out():
    data = image(np.random.default_rng(5).standard_normal((20, 30)))
    spoiled = data.copy()
    spoiled[3, 4] = 1e6
    mask = spoiled > 1e5
    whole = measure_roughness(spoiled.where(~mask))
    found = measure_roughness(spoiled, mask=mask)
    xr.testing.assert_allclose(found.drop_attrs(), whole.drop_attrs())
    assert float(found["sq"]) == pytest.approx(float(np.nanstd(spoiled.where(~mask).values)))
    assert np.isnan(measure_roughness(data * np.nan)["sq"])


def test_the_bearing_curve_is_the_quantile():
    data = image(np.random.default_rng(6).standard_normal((40, 50)))
    curve = bearing_curve(data, points=5, detrend="none")
    expected = np.quantile(data.values, [1, 0.75, 0.5, 0.25, 0], method="hazen")
    np.testing.assert_allclose(curve, expected)
    np.testing.assert_allclose(curve["material_ratio"], [0, 25, 50, 75, 100])


@pytest.mark.parametrize(
    ("data", "options", "match"),
    [
        (samples.spectrum(), {}, "two spatial dimensions"),
        (image(np.ones((1, 5))), {}, "at least 2"),
        (image(np.ones((4, 4))), {"material_ratios": (80, 10)}, "material_ratios must be"),
        (image(np.ones((4, 4))), {"detrend": "cubic"}, "detrend must be one of"),
        (image(np.ones((4, 4))), {"mask": image(np.ones((4, 4)))}, "leaves no point"),
        (image(np.ones((4, 4)), units=("nm", "nm", "s")), {}, "convert"),
    ],
)
def test_says_what_is_wrong(data, options, match):
    with pytest.raises(DataError, match=match):
        measure_roughness(data, **options)


def test_the_bearing_curve_says_what_is_wrong():
    with pytest.raises(DataError, match="points must be at least 2"):
        bearing_curve(samples.surface(), points=1)


def worn(spq, svq, smq, count=(256, 256), seed=0):
    """Return a surface whose material probability curve is two lines that meet at a ratio."""
    from scipy.special import ndtri

    ratio = (np.arange(count[0] * count[1]) + 0.5) / (count[0] * count[1])
    x, bend = ndtri(ratio), ndtri(smq)
    heights = np.where(x < bend, -spq * (x - bend), -svq * (x - bend))
    mixed = np.random.default_rng(seed).permutation(heights).reshape(count)
    return image(mixed)


@pytest.mark.parametrize(("spq", "svq", "smq"), [(1.0, 5.0, 0.8), (0.2, 3.0, 0.5), (2.0, 4.0, 0.3)])
def test_plateaus_and_valleys_are_the_slopes_of_the_probability_curve(spq, svq, smq):
    found = measure_roughness(worn(spq, svq, smq), quantities=["spq", "svq", "smq"])
    assert float(found["spq"]) == pytest.approx(spq, rel=2e-3)
    assert float(found["svq"]) == pytest.approx(svq, rel=2e-3)
    assert float(found["smq"]) == pytest.approx(smq, abs=2e-3)
    assert (found["spq"].attrs["units"], found["smq"].attrs["units"]) == ("nm", "1")


def test_a_ground_surface_with_scratches_has_the_roughness_of_its_parts():
    rng = np.random.default_rng(4)
    plateau, valley = rng.normal(0.0, 1.0, (512, 512)), rng.normal(20.0, 20.0, (512, 512))
    heights = image(np.minimum(plateau, valley))
    found = measure_roughness(heights, quantities=["spq", "svq", "smq"])
    # Valleys take points of the plateau at all heights, so that its slope is a little more.
    assert float(found["spq"]) == pytest.approx(1.0, rel=0.15)
    # Valleys show where the plateau, near 0, is above them: 15.9 % of the material.
    assert float(found["svq"]) == pytest.approx(20.0, rel=0.25)
    assert float(found["smq"]) == pytest.approx(1.0 - 0.159, abs=0.03)


def test_a_normal_surface_has_one_slope_and_a_plane_none():
    rng = np.random.default_rng(2)
    heights = image(rng.normal(0.0, 3.0, (256, 256)))
    found = measure_roughness(heights, quantities=["spq", "svq", "smq"])
    assert float(found["spq"]) == pytest.approx(3.0, rel=0.03)
    assert float(found["svq"]) == pytest.approx(3.0, rel=0.03)
    flat = measure_roughness(image(np.zeros((9, 9))), quantities=["spq", "svq", "smq"])
    assert all(np.isnan(flat[name]) for name in flat)
