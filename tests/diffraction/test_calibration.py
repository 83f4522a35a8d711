"""Middles, scales, ellipses, rings and spots of patterns; polar coordinates and what follows."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import crystal, samples, simulate
from omniscopy.compute import watched_by
from omniscopy.diffraction import (
    bragg_vector_map,
    calibrate,
    centre_patterns,
    correct_ellipse,
    find_centre,
    find_discs,
    fit_descan,
    fit_lattice,
    index_rings,
    index_spots,
    make_template,
    mean_pattern,
    measure_angular_correlation,
    measure_fluctuations,
    measure_strain,
    measure_time_correlation,
    pair_distribution,
    profile_strain,
    transform_polar,
)
from omniscopy.diffraction.reductions import reading
from omniscopy.image import measure_distortion
from omniscopy.model import DataError, coordinate, labelled
from omniscopy.physics.scattering import form_factor

MIDDLE = (0.45, -0.62)


@pytest.fixture
def nanobeams():
    return simulate.nanobeam_4d((3, 4), noise=False, centre=MIDDLE, descan=(0.0, 0.0))


@pytest.mark.parametrize(("method", "limit"), [("edge", 0.02), ("com", 0.03), ("symmetry", 0.06)])
def test_the_middle_is_found_by_each_method(nanobeams, method, limit):
    found = find_centre(nanobeams[0, 0], method=method)
    assert float(found["ky"]) == pytest.approx(MIDDLE[0], abs=limit)
    assert float(found["kx"]) == pytest.approx(MIDDLE[1], abs=limit)
    assert int(find_centre(nanobeams[0, 0] * np.nan, method=method)["status"]) == 4
    with pytest.raises(DataError, match="method must be"):
        find_centre(nanobeams, method="mean")


def test_symmetry_finds_the_middle_behind_a_beam_stop(nanobeams):
    pattern = nanobeams[0, 0]
    stopped = pattern.where(np.hypot(pattern["ky"] - 0.2, pattern["kx"] + 0.5) > 1.8, 0.0)
    found = find_centre(stopped, method="symmetry")
    assert float(found["ky"]) == pytest.approx(MIDDLE[0], abs=0.1)


def test_descan_is_a_plane_and_wrong_middles_do_not_matter():
    y, x = np.arange(8.0), np.arange(9.0)
    plane = 0.3 + 0.02 * y[:, None] - 0.05 * x
    wrong = plane.copy()
    wrong[2, 3] += 5
    wrong[1, 1] = np.nan
    coords = {"y": coordinate("y", y, "nm"), "x": coordinate("x", x, "nm")}
    made = xr.Dataset({
        name: labelled(xr.DataArray(wrong, coords), units="1/nm") for name in ("ky", "kx")
    })  # fmt: skip
    for surface in ("plane", "parabola"):
        found = fit_descan(made, surface=surface)
        np.testing.assert_allclose(found["ky"], plane, atol=2e-3)
    assert float(found["residual"][2, 3]) > 5
    assert int(fit_descan(made * np.nan)["status"].min()) == 4
    with pytest.raises(DataError, match="centres must have"):
        fit_descan(made.rename(ky="a"))


def test_a_calibration_is_in_the_coordinates():
    data = samples.nanobeam_4d().assign_coords(
        ky=coordinate("ky", np.arange(40), "pixel"), kx=coordinate("kx", np.arange(44), "pixel")
    )
    made = calibrate(data, measured=10.0, spacing=0.25, centre=(20, 22), rotation=30.0)
    assert made["ky"].attrs["units"] == "1/nm"
    assert float(made["ky"][30]) == pytest.approx(10 * 0.4)
    assert float(made["kx"][22]) == 0.0
    assert made.attrs["metadata"]["detector"]["rotation"] == 30.0
    for wrong, text in (
        ({}, "nothing to calibrate"), ({"measured": 1.0}, "belong together"),
        ({"scale": 1.0, "measured": 1.0, "spacing": 1.0}, "not both"),
        ({"scale": -1.0}, "above 0"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=text):
            calibrate(data, **wrong)


def test_strain_is_turned_by_the_rotation_that_was_noted():
    data = simulate.nanobeam_4d(
        (2, 6), detector_rotation=40.0, strain=(0.0, 0.03, 0.0), rotation=0.0, rng=2
    )
    data = calibrate(data, rotation=40.0)
    lattice = fit_lattice(find_discs(data, make_template(data, radius=0.9)))
    strain = measure_strain(lattice, {"x": slice(0, 5)})
    assert float(strain["strain_xx"][:, 3:].mean()) == pytest.approx(0.03, abs=2e-3)
    assert float(strain["strain_yy"][:, 3:].mean()) == pytest.approx(0.0, abs=2e-3)
    turned = measure_strain(lattice, {"x": slice(0, 5)}, rotation=0.0)
    assert float(turned["strain_xx"][:, 3:].mean()) < 0.022


def test_discs_are_taken_out_of_an_ellipse():
    rings = simulate.distorted_rings(
        (160, 160), noise=False, centre=(0.0, 0.0), cosine={2: 0.02}, sine={2: -0.015}
    )
    distortion = measure_distortion(rings, (3.0, 5.0))
    data = simulate.nanobeam_4d(
        (1, 2),
        noise=False,
        centre=(0.0, 0.0),
        descan=(0.0, 0.0),
        strain=(0.0, 0.0, 0.0),
        rotation=0.0,
        ellipse=(0.02, -0.015),
    )
    discs = find_discs(data, make_template(data, radius=0.9))
    # Discs are stretched too, so that their middles are known to a part of that only.
    before, after = (fit_lattice(each) for each in (discs, correct_ellipse(discs, distortion)))
    true = np.hypot(0.4, 3.0)
    assert abs(float(before["length_b"][0, 0]) - true) > 0.03
    assert float(after["length_b"][0, 0]) == pytest.approx(true, abs=0.015)
    assert correct_ellipse(rings, distortion).sizes == rings.sizes
    with pytest.raises(DataError, match=r"image\.measure_distortion"):
        correct_ellipse(discs, discs)


def test_a_vector_map_holds_all_intensity_where_discs_are():
    discs = samples.nanobeam_discs()
    lattice = samples.nanobeam_lattice()
    made = bragg_vector_map(discs, lattice)
    assert float(made.sum()) == pytest.approx(float(discs["intensity"].sum()), rel=1e-6)
    near = np.hypot(made["ky"], made["kx"]) < 0.4
    middle = made.where(near)
    assert float((middle * made["ky"]).sum() / middle.sum()) == pytest.approx(0.0, abs=0.03)
    with pytest.raises(DataError, match="step must be"):
        bragg_vector_map(discs, step=0.0)


def test_strain_by_the_distance_from_an_edge():
    y, x = np.arange(9.0), np.arange(9.0)
    coords = {"y": coordinate("y", y, "nm"), "x": coordinate("x", x, "nm")}
    away = np.minimum(np.minimum(y, 8 - y)[:, None], np.minimum(x, 8 - x))
    region = xr.DataArray((away >= 1), coords)
    values = labelled(xr.DataArray(0.01 * away, coords), units="1")
    strain = xr.Dataset(dict.fromkeys(("strain_yy", "strain_xx", "strain_xy", "rotation"), values))
    found = profile_strain(strain, region)
    np.testing.assert_allclose(found["strain_xx"], [0.01, 0.02, 0.03, 0.04])
    assert found["count"].values.tolist() == [24, 16, 8, 1]
    np.testing.assert_allclose(found["distance"], [0.5, 1.5, 2.5, 3.5])
    with pytest.raises(DataError, match="holds no position"):
        profile_strain(strain, region & False)
    with pytest.raises(DataError, match="the region has the shape"):
        profile_strain(strain, region[:4])
    with pytest.raises(DataError, match="has no edge"):
        profile_strain(strain, region | True)


def test_distances_from_the_edge_of_a_region_are_those_of_pixels_as_they_are():
    """Where steps differ, and at corners: the strain is the distance itself."""
    y, x = np.arange(7.0), 3.0 * np.arange(8.0)
    coords = {"y": coordinate("y", y, "nm"), "x": coordinate("x", x, "nm")}
    region = xr.DataArray(np.ones((7, 8), bool), coords, ("y", "x"))
    region[:, :3] = False  # ends at 7.5 nm
    true = xr.zeros_like(region, dtype=float) + (region["x"] - 7.5)
    names = ("strain_yy", "strain_xx", "strain_xy", "rotation")
    found = profile_strain(xr.Dataset(dict.fromkeys(names, true)), region, step=1.0)
    seen = found["count"] > 0
    np.testing.assert_allclose(found["strain_xx"][seen], found["distance"][seen], atol=1e-12)
    np.testing.assert_allclose(found["distance"][seen], [1.5, 4.5, 7.5, 10.5, 13.5])

    corner = xr.ones_like(region)
    corner[0, 0] = False
    square = corner.assign_coords(x=coordinate("x", np.arange(8.0), "nm"))
    away = np.hypot(np.maximum(square["y"] - 0.5, 0), np.maximum(square["x"] - 0.5, 0))
    away = away.transpose("y", "x")
    found = profile_strain(xr.Dataset(dict.fromkeys(names, away)), square, step=0.1)
    seen = found["count"] > 0
    assert float(abs(found["strain_xx"] - found["distance"])[seen].max()) <= 0.05 + 1e-12
    assert float(found["distance"][seen][0]) == pytest.approx(0.55)


def test_rings_are_straight_in_polar_coordinates_about_an_ellipse():
    rings = simulate.distorted_rings(
        (160, 160), noise=False, centre=(0.3, -0.2), cosine={2: 0.03}, sine={2: 0.0}
    )
    distortion = measure_distortion(rings, (3.0, 5.0))
    plain = transform_polar(rings, centre=(0.3, -0.2), outer=6.0)
    straight = transform_polar(rings, centre=(0.3, -0.2), distortion=distortion, outer=6.0)
    window = {"k": slice(3.3, 4.7)}
    spread = [each.sel(window).idxmax("k").std() for each in (plain, straight)]
    assert spread[1] < 0.3 * spread[0]
    assert plain.dims == ("k", "angle")
    # +kx is at 0 degrees, +ky at 90: the ring is long along kx.
    top = plain.sel(window).idxmax("k")
    assert float(top.sel(angle=0)) > float(top.sel(angle=90))
    with pytest.raises(DataError, match="part a turn"):
        transform_polar(rings, angle_step=7.0)


def symmetric(order, part, turn=20.0, size=81):
    """Return a pattern whose rings go up and down so many times in a turn."""
    k = 0.1 * (np.arange(size) - size // 2)
    angle = np.arctan2(k[:, None] - 0.05, k - 0.1)
    values = 50.0 * (1 + part * np.cos(order * (angle - np.radians(turn))))
    coords = {dim: coordinate(dim, k, "1/nm") for dim in ("ky", "kx")}
    return labelled(xr.DataArray(values, coords, dims=("ky", "kx")), units="counts")


def test_a_correlation_over_angles_has_the_symmetry_of_rings():
    pattern, centre = symmetric(3, 0.4), (0.05, 0.1)
    found = measure_angular_correlation(pattern, centre=centre, angle_step=3.0)
    ring = found.sel(k=2.5, method="nearest")
    expected = 0.08 * np.cos(3 * np.radians(ring["angle"]))
    np.testing.assert_allclose(ring["correlation"], expected, atol=1e-3)
    np.testing.assert_allclose(ring["power"], 0.08 * (ring["order"] == 3), atol=1e-3)
    # A stop over a third of all angles takes pairs away, but hardly any of the answer.
    away = np.degrees(np.arctan2(pattern["ky"] - 0.05, pattern["kx"] - 0.1))
    stopped = measure_angular_correlation(
        pattern.where(abs(away) > 60.0), centre=centre, angle_step=3.0
    ).sel(k=2.5, method="nearest")
    assert float(stopped["correlation"].sel(angle=0.0)) == pytest.approx(0.08, rel=0.05)
    assert int(stopped["power"].argmax("order")) == 2
    most = measure_angular_correlation(pattern.where(abs(away) > 95.0), centre=centre)
    assert most["correlation"].sel(k=2.5, method="nearest").isnull().all()
    with pytest.raises(DataError, match="orders must be from 1 to 59"):
        measure_angular_correlation(pattern, centre=centre, angle_step=3.0, orders=60)


def test_poisson_noise_adds_its_share_where_nothing_is_turned():
    drawn = np.random.default_rng(0).poisson(symmetric(3, 0.4).values, (40, 81, 81))
    data = symmetric(3, 0.4).expand_dims(frame=40).copy(data=drawn.astype(float))
    found = measure_angular_correlation(data, centre=(0.05, 0.1), angle_step=6.0)
    ring = found["correlation"].mean("frame").sel(k=3.2, method="nearest")
    # Linear between pixels: noise of neighbours is alike, and less than that of counts.
    assert 0.08 + 0.2 / 50 < float(ring.sel(angle=0.0)) < 0.08 + 1.1 / 50
    assert float(ring.sel(angle=120.0)) == pytest.approx(0.08, abs=2e-3)


def test_poisson_noise_alone_does_not_fluctuate():
    rng = np.random.default_rng(0)
    axis = np.arange(-12, 13)
    coords = {
        "y": coordinate("y", np.arange(6), "nm"),
        "x": coordinate("x", np.arange(6), "nm"),
        "ky": coordinate("ky", axis, "1/nm"),
        "kx": coordinate("kx", axis, "1/nm"),
    }
    flat = xr.DataArray(rng.poisson(20, (6, 6, 25, 25)), coords).assign_attrs(units="counts")
    for kind in ("ring", "mean_ring"):
        found = measure_fluctuations(flat, 1.0, kind=kind, centre=(0.0, 0.0))
        assert abs(float(found["variance"].sel(k=slice(3, 11)).mean())) < 0.01
    speckled = flat * xr.DataArray(rng.choice([0.5, 1.5], (6, 6, 25, 25)), flat.coords)
    found = measure_fluctuations(speckled.assign_attrs(units="counts"), 1.0, centre=(0.0, 0.0))
    assert float(found["variance"].sel(k=slice(3, 11)).mean()) == pytest.approx(0.25, abs=0.04)
    with pytest.raises(DataError, match="there is no scan"):
        measure_fluctuations(flat[0, 0])


@pytest.mark.parametrize("kind", ["ring", "mean_ring"])
def test_squares_for_fluctuations_are_in_the_rings_of_the_patterns(kind):
    data = samples.nanobeam_4d()
    middle = find_centre(mean_pattern(data))
    there = measure_fluctuations(
        data, 0.5, kind=kind, centre=(float(middle["ky"]), float(middle["kx"]))
    )
    found = measure_fluctuations(data, 0.5, kind=kind)
    xr.testing.assert_allclose(found.drop_attrs(), there.drop_attrs())


def test_fluctuations_of_data_in_memory_tell_how_far_they_are(monkeypatch):
    monkeypatch.setattr(reading, "_LONG", 0)
    told = []
    with watched_by(lambda *each: told.append(each)):
        measure_fluctuations(samples.nanobeam_4d(), 0.5, centre=(0.0, 0.0))
    done, total, words = told[-1]
    assert done == total
    assert words == "patterns"


@pytest.mark.parametrize("kind", ["ring", "annular_mean", "mean_ring"])
def test_fluctuations_scatter_as_their_deviations_say(kind):
    rng = np.random.default_rng(2)
    axis = np.arange(-6, 7)
    coords = {
        dim: coordinate(dim, values, units)
        for dim, values, units in (
            ("set", np.arange(200), "1"), ("x", np.arange(40), "nm"), ("ky", axis, "1/nm"),
            ("kx", axis, "1/nm"),
        )
    }  # fmt: skip
    bright = rng.gamma(4.0, 5.0, (200, 40, 1, 1))
    values = rng.poisson(bright * rng.choice([0.5, 1.5], (200, 40, 13, 13)))
    data = xr.DataArray(values, coords, attrs={"units": "counts"})
    found = measure_fluctuations(data, 2.0, kind=kind, centre=(0.0, 0.0)).sel(k=slice(2, 6))
    stated = (found["variance_std"] ** 2).mean("set") ** 0.5
    np.testing.assert_allclose(found["variance"].std("set") / stated, 1.0, atol=0.2)


def speckles(frames=400, decay=5.0, contrast=0.3, size=21, counts=40.0):
    """Return counts of speckles that forget what they were, faster at large k."""
    rng = np.random.default_rng(3)
    axis = np.arange(size) - size // 2
    k = np.hypot(axis[:, None], axis)
    kept = np.exp(-1.0 / np.where(k < 5, decay, decay / 2))
    state, values = rng.normal(size=k.shape), []
    for _ in range(frames):
        values.append(rng.poisson(counts * np.exp(contrast * state - contrast**2 / 2)))
        state = kept * state + np.sqrt(1 - kept**2) * rng.normal(size=k.shape)
    coords = {
        "time": coordinate("time", 0.5 * np.arange(frames), "s"),
        "ky": coordinate("ky", axis, "1/nm"), "kx": coordinate("kx", axis, "1/nm"),
    }  # fmt: skip
    return xr.DataArray(np.array(values, np.uint16), coords, attrs={"units": "counts"})


def test_speckles_are_alike_as_long_as_they_live():
    data = speckles()
    found = measure_time_correlation(data, step=5.0, longest=6.0, centre=(0.0, 0.0))
    assert found["lag"].values == pytest.approx(0.5 * np.arange(1, 13))
    for ring, decay in ((0, 2.5), (1, 1.25)):
        g = found.isel(k=ring)
        expected = np.exp(0.09 * np.exp(-g["lag"] / decay))
        away = np.abs(g["correlation"] - expected)
        assert float(away.max()) < 0.008
        assert float((away / g["correlation_std"]).max()) < 5
    turned = measure_time_correlation(
        data.transpose("kx", "time", "ky"), step=5.0, longest=6.0, centre=(0.0, 0.0)
    )
    xr.testing.assert_allclose(found, turned)


def test_series_that_are_none_are_refused():
    data = speckles(frames=6)
    for series, options, match in (
        (data[:3], {}, "3 frames along 'time' are too few"),
        (data, {"longest": 5.0}, "the longest lag must be from 0.5 to 2.5"),
        (data, {"dim": "kx"}, "another dimension than the patterns"),
        (data, {"step": 0.0}, "width of a ring must be positive"),
    ):
        with pytest.raises(DataError, match=match):
            measure_time_correlation(series, centre=(0.0, 0.0), **options)
    gone = data.astype(float)
    gone[2, 10] = np.nan
    found = measure_time_correlation(gone, step=1.0, centre=(0.0, 0.0))
    assert np.isnan(found["correlation"].isel(k=0)).all()
    assert np.isfinite(found["correlation"].isel(k=4)).all()


def test_the_pair_distribution_peaks_at_the_distance_of_atoms():
    k = np.linspace(0.2, 24.0, 800)
    q = 2 * np.pi * k / 10
    f = form_factor("Si", k / 10)
    distance, number = 2.35, 4.0
    structure = 1 + number * np.sin(q * distance) / (q * distance) * np.exp(-0.005 * q**2)
    profile = xr.DataArray(
        1e3 * f**2 * structure, {"k": coordinate("k", k, "1/nm")}, attrs={"units": "counts"}
    )
    found = pair_distribution(profile, {"Si": 1.0}, window=(1.0, 24.0), density=0.05)
    reduced = found["reduced_pair_distribution"].sel(r=slice(1.5, 4))
    assert float(reduced.idxmax("r")) == pytest.approx(distance, abs=0.03)
    r, g = reduced["r"].values, reduced.values
    near = np.abs(r - distance) < 0.35
    # The area of r G(r) is the number of neighbours.
    area = np.sum((r * g)[near]) * (r[1] - r[0])
    assert area == pytest.approx(number, rel=0.2)
    both = found["pair_distribution"] - 1
    expected = found["reduced_pair_distribution"] / (4 * np.pi * 0.05 * found["r"])
    np.testing.assert_allclose(both, expected)
    with pytest.raises(DataError, match="no element"):
        pair_distribution(profile, {"Xx": 1.0})
    with pytest.raises(DataError, match="positive parts of elements"):
        pair_distribution(profile, "Si")
    with pytest.raises(DataError, match="must be in '1/angstrom'"):
        pair_distribution(profile.assign_coords(k=coordinate("k", k, "mrad")), {"Si": 1.0})
    with pytest.raises(DataError, match="at least 8"):
        pair_distribution(profile, {"Si": 1.0}, window=(0.2, 0.3))


def ring_table(radii):
    values = labelled(xr.DataArray(np.array(radii), dims="peak"), units="1/nm")
    return xr.Dataset({"position": values})


def test_rings_are_named_and_the_scale_is_found():
    lengths = np.sqrt([3, 4, 8, 11, 12]) * 10 / crystal.structure("gold").cell.cellpar()[0]
    for scale in (1.0, 0.93, 1.07):
        named = index_rings(ring_table(lengths / scale), "gold", scale=(0.85, 1.15))
        assert float(named["scale"]) == pytest.approx(scale, rel=1e-9)
        hkl = np.stack([named[letter].values for letter in "hkl"], -1).astype(int)
        assert hkl.tolist() == [[1, 1, 1], [2, 0, 0], [2, 2, 0], [3, 1, 1], [2, 2, 2]]
    np.testing.assert_allclose(named["d_spacing"], 1 / lengths)
    other = index_rings(ring_table([1.0, 1.5, 2.0]), "gold")
    assert int(other["status"]) == 5
    with pytest.raises(DataError, match=r"as `signal\.find_peaks`"):
        index_rings(ring_table([1.0]).rename(position="x"), "gold")
    with pytest.raises(DataError, match="scale must be"):
        index_rings(ring_table([1.0]), "gold", scale=(2.0, 1.0))


def test_spots_are_named_with_their_zone():
    size = 10 / crystal.structure("gold").cell.cellpar()[0]  # 1/nm
    a, b = np.array([0.0, 2.0]) * size, np.array([2.0, 0.0]) * size
    names = ("a_ky", "a_kx", "b_ky", "b_kx")
    lattice = xr.Dataset({
        name: labelled(xr.DataArray(value), units="1/nm")
        for name, value in zip(names, (*a, *b), strict=True)
    })  # fmt: skip
    named = index_spots(lattice, "gold")
    assert named["hkl_a"].values.tolist() == [2, 0, 0]
    assert sorted(np.abs(named["zone_axis"].values)) == [0, 0, 1]
    cross = np.cross(named["hkl_a"], named["hkl_b"])
    assert cross @ named["zone_axis"].values > 0
    swapped = index_spots(
        lattice.rename(a_ky="b_ky", b_ky="a_ky", a_kx="b_kx", b_kx="a_kx"), "gold"
    )
    turned = np.cross(swapped["hkl_a"], swapped["hkl_b"])
    assert turned @ swapped["zone_axis"].values < 0
    long = lattice.copy()
    for name in names:
        long[name] = labelled(lattice[name] * 0.3, units="1/nm")
    assert int(index_spots(long, "gold")["status"]) == 5
    with pytest.raises(DataError, match="such as `fit_lattice`"):
        index_spots(xr.Dataset(), "gold")


def test_centred_patterns_are_where_the_moving_beam_was():
    data = simulate.nanobeam_4d(
        (4, 5), (64, 60), centre=(0.7, -0.5), descan=(0.1, -0.07), noise=False, background=0.0
    )
    found = find_centre(data)
    assert float(abs(found["kx"] - found["kx"][0, 0]).max()) > 0.2
    for order, most in ((1, 0.02), (3, 0.01)):
        still = centre_patterns(data, found, order=order)
        again = find_centre(still)
        assert float(abs(again["ky"]).max()) < most
        assert float(abs(again["kx"]).max()) < most
    assert [float(still["ky"][32]), float(still["kx"][30])] == [0.0, 0.0]
    assert still["kx"].attrs == data["kx"].attrs
    assert still.attrs["units"] == data.attrs["units"]


def test_centred_patterns_are_read_between_pixels_and_are_nan_beside_them():
    ky, kx = 0.5 * np.arange(12) - 3.0, 0.25 * np.arange(10)
    ramp = 3.0 * ky[:, None] - 2.0 * kx
    data = xr.DataArray(
        np.broadcast_to(ramp, (1, 3, 12, 10)),
        {"ky": coordinate("ky", ky, "1/nm"), "kx": coordinate("kx", kx, "1/nm")},
        dims=("y", "x", "ky", "kx"),
    )
    down, right = np.array([-0.2, 0.4, np.nan]), np.array([1.1, 1.6, 1.0])
    centres = xr.Dataset(
        {"com_y": ("x", down, {"units": "1/nm"}), "com_x": ("x", right, {"units": "1/nm"})}
    )
    made = centre_patterns(data, centres)
    for n in range(2):
        inside = made[0, n].notnull()
        ramp = 3.0 * (made["ky"] + down[n]) - 2.0 * (made["kx"] + right[n])
        xr.testing.assert_allclose(made[0, n].reset_coords(drop=True), ramp.where(inside))
        beside = (made["ky"] + down[n] > ky[-1]) | (made["kx"] + right[n] > kx[-1])
        assert not bool((inside & beside).any())
        assert int(inside.sum()) >= 60
    assert np.isnan(made[0, 2]).all()
    for wrong, match in (
        (centres.rename(com_y="a"), "must have one of the pairs"),
        (centres.rename_dims(x="point"), "the scan has not"),
        (centres.isel(x=slice(0, 2)), "2 centres along 'x' for 3 patterns"),
        (centres.assign(com_y=centres["com_y"].assign_attrs(units="mrad")), "are in 'mrad'"),
    ):
        with pytest.raises(DataError, match=match):
            centre_patterns(data, wrong)
