"""Templates, and where discs are found."""

import numpy as np
import pytest
import xarray as xr
from scipy import fft

from omniscopy import samples, simulate
from omniscopy.diffraction import find_discs, make_template
from omniscopy.diffraction.discs import disc_kernel
from omniscopy.diffraction.discs.correlation import Template, correlated, prepared, refined
from omniscopy.model import DataError, coordinate, labelled

CENTRE, G = (0.13, -0.42), ((3.0, 0.4), (-0.5, 3.4))


def soft_discs(places, heights, *, shape=(61, 70), pixel=0.2, radius=0.9, width=0.2):
    """Return a pattern of discs with wide edges, without noise."""
    ky, kx = (pixel * (np.arange(size) - size // 2) for size in shape)
    values = np.zeros(shape)
    for (y, x), height in zip(places, heights, strict=True):
        away = np.hypot(ky[:, None] - y, kx - x)
        values += height * 0.5 * (1 - np.tanh((away - radius) / width))
    coords = {"ky": coordinate("ky", ky, "1/nm"), "kx": coordinate("kx", kx, "1/nm")}
    return labelled(xr.DataArray(values, coords), units="counts")


def sharp_discs(places, *, pixels=48, radius=5.0, over=16):
    """Return a pattern of discs with sharp edges as pixels see them: the mean over each."""
    fine = (np.arange(pixels * over) + 0.5) / over - 0.5
    values = sum(np.hypot(fine[:, None] - y, fine - x) < radius for y, x in places)
    values = values.reshape(pixels, over, pixels, over).mean((1, 3)) * 1000.0
    coords = {dim: coordinate(dim, np.arange(pixels) * 1.0, "1/nm") for dim in ("ky", "kx")}
    return labelled(xr.DataArray(values, coords), units="counts")


def lattice_places(reach=1):
    steps = range(-reach, reach + 1)
    return [
        np.array(CENTRE) + h * np.array(G[0]) + k * np.array(G[1]) for h in steps for k in steps
    ]


@pytest.fixture
def pattern():
    places = lattice_places()
    return soft_discs(places, np.linspace(200, 1000, len(places)))


@pytest.fixture
def template(pattern):
    return make_template(pattern, radius=0.9, edge=0.4)


def matched(discs, places):
    found = np.stack([discs["ky"].values, discs["kx"].values], -1)
    return np.array([found[np.nanargmin(np.hypot(*(found - place).T))] - place for place in places])


def test_a_template_sums_to_nothing_and_what_is_positive_to_one(pattern):
    for kernel in ("sigmoid", "gaussian"):
        values = make_template(pattern, radius=0.9, kernel=kernel).values
        assert abs(values.sum()) < 1e-12
        assert values.shape == (17, 17)
        np.testing.assert_allclose(values, values[::-1].T, atol=1e-15)
    assert make_template(pattern, radius=0.9, kernel="flat").values.sum() == pytest.approx(1.0)


def test_a_vacuum_pattern_is_moved_to_the_middle():
    vacuum = soft_discs([(0.33, -0.57)], [500.0])
    made = make_template(vacuum, vacuum=vacuum, kernel="flat")
    ky, kx = np.meshgrid(made["ky"], made["kx"], indexing="ij")
    assert abs((made.values * ky).sum()) < 0.01
    assert abs((made.values * kx).sum()) < 0.01
    assert make_template(vacuum).sizes == made.sizes


def test_the_radius_is_that_of_the_mean_pattern():
    vacuum = soft_discs([(0.33, -0.57)], [500.0])
    exact = make_template(vacuum, radius=0.9)
    np.testing.assert_allclose(make_template(vacuum), exact, atol=2e-3 * float(exact.max()))


@pytest.mark.parametrize("options", [
    {}, {"search": "lattice"}, {"subpixel": "parabola"}, {"power": 0.7}, {"transform": "none"},
    {"search": "lattice", "subpixel": "parabola"}, {"transform": "log"},
], ids=str)  # fmt: skip
def test_discs_are_where_they_are(pattern, template, options):
    discs = find_discs(pattern, template, **options)
    assert int(discs["count"]) == 9
    away = matched(discs, lattice_places())
    assert np.abs(away).max() < (0.03 if options.get("power") else 0.008)


@pytest.mark.parametrize("transform", ["none", "sqrt"])
def test_sharp_discs_are_not_drawn_to_pixels(transform):
    parts = np.linspace(0, 1, 12)
    patterns = [sharp_discs([(23.3, 23 + part)]) for part in parts]
    template = make_template(patterns[0], radius=5.0)
    away = {}
    for subpixel in ("dft", "parabola"):
        found = [
            find_discs(each, template, transform=transform, subpixel=subpixel) for each in patterns
        ]
        assert all(int(discs["count"]) == 1 for discs in found)
        away[subpixel] = np.array([
            (float(discs["ky"][0]) - 23.3, float(discs["kx"][0]) - 23 - part)
            for discs, part in zip(found, parts, strict=True)
        ])  # fmt: skip
    assert np.abs(away["dft"]).max() < 0.008
    assert np.sqrt((away["dft"][:, 1] ** 2).mean()) < 0.003
    # A paraboloid draws them to the next pixel: below half a pixel back, above it forth.
    assert away["parabola"][2:5, 1].mean() < -0.008
    assert away["parabola"][-5:-2, 1].mean() > 0.008


def test_the_peak_is_that_of_the_trigonometric_interpolation():
    pattern = sharp_discs([(23.3, 22.8), (10.1, 34.4)])
    template = make_template(pattern, radius=5.0)
    own = Template(template.values)
    discs = find_discs(pattern, template, transform="none")
    padded, _, _ = prepared(pattern.values[None], own, "none")
    _, spectra = correlated(padded, own, pattern.shape, 1.0)
    places = np.stack([discs["ky"].values, discs["kx"].values], -1)
    columns = fft.next_fast_len(pattern.shape[1] + 2 * own.sides[1], real=True)
    exact = refined(spectra[0], columns, np.round(places), steps=10)
    np.testing.assert_allclose(places, exact, atol=1e-3)


def test_intensities_are_those_of_discs_and_the_brightest_is_first():
    sharp = soft_discs(lattice_places(), np.linspace(200, 1000, 9), width=0.03)
    discs = find_discs(sharp + 50.0, make_template(sharp, radius=0.9))
    area = np.pi * (0.9 / 0.2) ** 2
    assert (np.diff(discs["intensity"]) <= 0).all()
    np.testing.assert_allclose(discs["intensity"], np.linspace(1000, 200, 9) * area, rtol=0.12)
    assert discs["correlation"].min() > 0.85


def test_a_descending_axis_gives_the_same_positions(pattern, template):
    there = find_discs(pattern, template)
    turned = find_discs(pattern.isel(ky=slice(None, None, -1)), template)
    for name in ("ky", "kx", "intensity"):
        np.testing.assert_allclose(turned[name], there[name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [">u2", "u1", "i4", "f4", ">f8"])
def test_any_type_of_numbers_is_taken(pattern, template, dtype):
    whole = (pattern / 4).astype(int).assign_attrs(pattern.attrs)
    there = find_discs(whole, template)
    made = find_discs(whole.astype(dtype), template)
    np.testing.assert_allclose(made["ky"], there["ky"], atol=1e-5)


@pytest.mark.parametrize("search", ["everywhere", "lattice"])
def test_the_scatter_is_what_is_reported(search):
    places = lattice_places()
    mean = soft_discs(places, [60, 60, 60, 60, 300, 60, 60, 60, 60])
    drawn = np.random.default_rng(1).poisson(mean.values + 0.5, (300, *mean.shape))
    data = xr.DataArray(drawn, mean.coords, dims=("frame", "ky", "kx")).assign_attrs(mean.attrs)
    discs = find_discs(data, make_template(mean, radius=0.9, edge=0.4), search=search, max_discs=9)
    first = discs.isel(peak=0)
    for name in ("ky", "kx"):
        assert float(first[name].std()) == pytest.approx(
            float(first[f"{name}_std"].mean()), rel=0.2
        )
    around = discs.isel(peak=slice(1, 9))
    away = np.array([
        matched(around.isel(frame=n), places[:4] + places[5:]) for n in range(300)
    ])  # fmt: skip
    spread = np.sqrt(float((around["ky_std"] ** 2).mean()))
    assert away[..., 0].std() == pytest.approx(spread, rel=0.2)


def test_both_searches_find_the_same():
    data = simulate.nanobeam_4d((2, 4), rng=3)
    template = make_template(data, radius=0.9)
    there, near = (find_discs(data, template, search=each) for each in ("everywhere", "lattice"))
    for y, x in np.ndindex(2, 4):
        places = np.stack([there["ky"][y, x, :4], there["kx"][y, x, :4]], -1)
        assert np.abs(matched(near.isel(y=y, x=x), places)).max() < 1e-4


def test_the_compiled_correlation_is_the_plain_one(pattern, template):
    own = Template(template.values)
    padded, _, _ = prepared(pattern.values[None], own, "none")
    lanes = np.zeros(8, np.float32)
    disc_kernel.correlate(padded[0], own.kernel, *own.used, 20, 25, lanes)
    rows, columns = own.values.shape
    plain = [
        (padded[0, 20 : 20 + rows, 25 + n : 25 + n + columns] * own.values).sum() for n in range(8)
    ]
    np.testing.assert_allclose(lanes, plain, rtol=1e-4, atol=1e-3 * np.abs(plain).max())


def test_noise_has_no_discs():
    mean = soft_discs([], [])
    noise = mean + np.random.default_rng(0).poisson(20, (8, *mean.shape)).astype(float).mean(0)
    found = find_discs(noise.assign_attrs(units="counts"), make_template(mean, radius=0.9))
    assert int(found["count"]) == 0
    assert int(found["status"]) == 5


def test_patterns_that_hold_nothing_are_alone(pattern, template):
    data = xr.concat([pattern, pattern * 0, pattern * np.nan, pattern * 0 + 65535.0], "frame")
    made = find_discs(data.assign_attrs(units="counts"), template, max_discs=10)
    assert made["count"].values.tolist() == [9, 0, 0, 0]
    assert made["status"].values.tolist() == [0, 4, 4, 5]
    assert np.isnan(made["ky"][1:]).all()


def test_a_missing_pixel_and_a_dead_row_move_discs_little(pattern, template):
    spoiled = pattern.copy()
    spoiled[30, 33] = np.nan
    spoiled[12, :] = np.nan
    away = matched(find_discs(spoiled, template), lattice_places())
    assert np.abs(away).max() < 0.1


def test_a_disc_over_the_edge_is_left_out(template):
    outside = soft_discs([(0.0, 0.0), (5.9, 0.0)], [500.0, 500.0])
    assert int(find_discs(outside, template)["count"]) == 1


def test_without_a_lattice_there_is_no_search_around_it(template):
    single = soft_discs([(0.0, 0.0)], [500.0])
    made = find_discs(single, template, search="lattice")
    assert int(made["status"]) == 5


def test_wrong_calls_are_refused(pattern, template):
    with pytest.raises(DataError, match="pass radius="):
        make_template(pattern * 0)
    with pytest.raises(DataError, match="from a pixel"):
        make_template(pattern, radius=0.01)
    with pytest.raises(DataError, match="from a pixel"):
        make_template(pattern, radius=40.0)
    with pytest.raises(DataError, match="must have the same units"):
        make_template(pattern.assign_coords(ky=pattern["ky"].assign_attrs(units="mrad")))
    with pytest.raises(DataError, match="pixels of vacuum"):
        make_template(pattern, vacuum=samples.diffraction_4d())
    with pytest.raises(DataError, match="too large for the detector"):
        find_discs(pattern[:10, :10], template)
    with pytest.raises(DataError, match="make it of these patterns"):
        find_discs(pattern.assign_coords(ky=pattern["ky"] * 2, kx=pattern["kx"] * 2), template)
    with pytest.raises(DataError, match="odd number"):
        find_discs(pattern, template[:-1])
    with pytest.raises(DataError, match="power=1"):
        find_discs(pattern, template, search="lattice", power=0.5)
    with pytest.raises(DataError, match="power must be"):
        find_discs(pattern, template, power=2.0)
    with pytest.raises(DataError, match="two reciprocal"):
        find_discs(samples.surface(), template)
