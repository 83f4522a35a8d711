"""Lattices of discs, and strain."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import simulate
from omniscopy.diffraction import (
    find_discs,
    fit_cepstrum,
    fit_lattice,
    fit_patterns,
    make_template,
    measure_strain,
)
from omniscopy.diffraction.lattices import twin, whole_patterns
from omniscopy.model import DataError, Status, coordinate, labelled

A, B, ORIGIN = np.array([0.3, 4.1]), np.array([3.7, -0.5]), np.array([0.2, -0.3])
STRAINS = ("strain_yy", "strain_xx", "strain_xy", "rotation")


def table(deformations, *, reach=2, noise=0.0, origin=ORIGIN, missing=(), seed=0):
    """Return the discs of lattices that are deformed, in random order."""
    rng = np.random.default_rng(seed)
    index = np.array([(h, k) for h in range(-reach, reach + 1) for k in range(-reach, reach + 1)])
    index = index[[n for n in range(len(index)) if n not in missing]]
    shape = (*deformations.shape[:-2], len(index))
    places, bright = np.empty((*shape, 2)), np.empty(shape)
    for place in np.ndindex(*shape[:-1]):
        vectors = np.stack([A, B]) @ np.linalg.inv(deformations[place])
        order = rng.permutation(len(index))
        places[place] = (origin + index @ vectors)[order]
        bright[place] = np.exp(-(index**2).sum(1) / 4)[order]
    places += rng.normal(0, 1, places.shape) * noise
    dims = ("y", "x", "peak")
    coords = {
        "y": coordinate("y", np.arange(shape[0]), "nm"),
        "x": coordinate("x", np.arange(shape[1]), "nm"),
    }
    made = {
        name: labelled(xr.DataArray(values, dims=dims), units=units)
        for name, values, units in (
            ("ky", places[..., 0], "1/nm"), ("kx", places[..., 1], "1/nm"),
            ("intensity", bright, "counts"),
        )
    }  # fmt: skip
    return xr.Dataset(made, coords)


def deformed(yy=0.0, xx=0.0, xy=0.0, degrees=0.0):
    turn = np.radians(degrees)
    return np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) @ np.array(
        [[1 + yy, xy], [xy, 1 + xx]]
    )


@pytest.fixture
def halves():
    made = np.tile(np.eye(2), (3, 6, 1, 1))
    made[:, 3:] = deformed(-0.01, 0.03, 0.004, 2.0)
    return made


def test_a_lattice_is_found_exactly(halves):
    lattice = fit_lattice(table(halves))
    found = {
        name: float(lattice[name][0, 0]) for name in lattice.data_vars if lattice[name].ndim == 2
    }
    np.testing.assert_allclose([found["a_ky"], found["a_kx"]], A, atol=1e-10)
    np.testing.assert_allclose([found["b_ky"], found["b_kx"]], B, atol=1e-10)
    np.testing.assert_allclose([found["origin_ky"], found["origin_kx"]], ORIGIN, atol=1e-10)
    assert found["count"] == 25
    assert found["residual"] < 1e-10
    assert found["length_a"] == pytest.approx(np.hypot(*A))


def test_strain_is_that_of_the_deformation(halves):
    strain = measure_strain(fit_lattice(table(halves)), {"x": slice(0, 2)})
    for name in STRAINS:
        np.testing.assert_allclose(strain[name][:, :3], 0, atol=1e-9)
    f = halves[0, 5]
    expected = (
        f[0, 0] - 1, f[1, 1] - 1, (f[0, 1] + f[1, 0]) / 2, np.degrees((f[0, 1] - f[1, 0]) / 2)
    )  # fmt: skip
    for name, value in zip(STRAINS, expected, strict=True):
        np.testing.assert_allclose(strain[name][:, 3:], value, atol=1e-9)
    assert expected[3] > 0  # from +x towards +y


def test_finite_strain_knows_no_rotation(halves):
    strain = measure_strain(fit_lattice(table(halves)), {"x": slice(0, 2)}, finite=True)
    assert float(strain["rotation"][0, 5]) == pytest.approx(2.0, abs=1e-9)
    square = halves[0, 5].T @ halves[0, 5]
    assert float(strain["strain_xx"][0, 5]) == pytest.approx((square[1, 1] - 1) / 2, abs=1e-9)


def test_strain_along_turned_axes(halves):
    halves[:, 3:] = deformed(xx=0.02)
    lattice = fit_lattice(table(halves))
    turned = measure_strain(lattice, {"x": slice(0, 2)}, rotation=90.0)
    np.testing.assert_allclose(turned["strain_yy"][:, 3:], 0.02, atol=1e-9)
    np.testing.assert_allclose(turned["strain_xx"][:, 3:], 0.0, atol=1e-9)
    # Stretched along +x, seen from axes that are turned towards +y.
    part = measure_strain(lattice, {"x": slice(0, 2)}, rotation=30.0)
    assert float(part["strain_xx"][0, 5]) == pytest.approx(0.02 * 0.75, abs=1e-9)
    assert float(part["strain_xy"][0, 5]) == pytest.approx(-0.02 * np.sqrt(3) / 4, abs=1e-9)


def test_the_scatter_of_lattices_and_strain_is_what_is_reported():
    discs = table(np.tile(np.eye(2), (30, 30, 1, 1)), noise=0.02)
    lattice = fit_lattice(discs, weights="none")
    for name in ("a_ky", "a_kx", "b_ky", "origin_kx"):
        assert float(lattice[name].std()) == pytest.approx(
            float(lattice[f"{name}_std"].mean()), rel=0.1
        )
    for turn in (0.0, 35.0):
        strain = measure_strain(lattice, rotation=turn)
        for name in STRAINS:
            spread = float((strain[f"{name}_std"] ** 2).mean()) ** 0.5
            assert float(strain[name].std()) == pytest.approx(spread, rel=0.1), name


def test_the_compiled_fit_is_the_plain_one(halves):
    discs = table(halves, noise=0.03, missing=(12, 3, 7))
    made = fit_lattice(discs, vectors=((0.3, 4.1), (3.7, -0.5)), centre=(0.2, -0.3))
    for y, x in np.ndindex(3, 6):
        points = np.stack([discs["ky"][y, x], discs["kx"][y, x]], -1)
        plain = twin.fit_one(points, discs["intensity"][y, x].values, np.stack([A, B]), ORIGIN)
        names = ("a_ky", "a_kx", "b_ky", "b_kx", "origin_ky", "origin_kx", "a_ky_std")
        own = [float(made[name][y, x]) for name in names]
        np.testing.assert_allclose(own, plain.scalars[:7], rtol=1e-8, atol=1e-10)
        assert int(made["count"][y, x]) == plain.discs


def test_a_missing_middle_and_wrong_discs_do_not_matter(halves):
    discs = table(halves, missing=(12,))
    wrong = discs.copy(deep=True)
    wrong["ky"][..., 0] += 1.3
    lattice = fit_lattice(wrong, centre=(0.2, -0.3))
    np.testing.assert_allclose(lattice["origin_ky"][:, 0], ORIGIN[0], atol=1e-9)
    np.testing.assert_allclose(lattice["a_kx"][:, :3], A[1], atol=1e-9)


def test_a_scan_that_moves_the_pattern_does_not_matter(halves):
    discs = table(halves)
    moved = discs.assign(ky=discs["ky"] + 0.4 * discs["y"].drop_attrs())
    moved["ky"].attrs = discs["ky"].attrs
    lattice = fit_lattice(moved)
    np.testing.assert_allclose(lattice["a_ky"][:, :3], A[0], atol=1e-9)
    np.testing.assert_allclose(np.diff(lattice["origin_ky"], axis=0), 0.4, atol=1e-9)


def test_what_has_no_lattice_is_invalid_and_alone(halves):
    discs = table(halves)
    discs["ky"][0, 0], discs["kx"][0, 0] = np.nan, np.nan
    discs["ky"][0, 1, 2:] = np.nan
    lattice = fit_lattice(discs)
    assert lattice["status"].values[0, :3].tolist() == [4, 2, 0]
    assert np.isnan(lattice["a_ky"][0, :2]).all()
    strain = measure_strain(lattice)
    assert strain["status"].values[0, :3].tolist() == [4, 2, 0]
    assert np.isnan(strain["strain_xx"][0, :2]).all()


def test_one_position_has_no_strain_against_itself(halves):
    lattice = fit_lattice(table(halves[:1, :1]))
    strain = measure_strain(lattice)
    assert float(strain["strain_xx"].squeeze()) == pytest.approx(0.0, abs=1e-9)


def test_another_scan_is_a_reference(halves):
    free = fit_lattice(table(np.eye(2)[None, None]))
    strain = measure_strain(fit_lattice(table(halves)), free)
    assert float(strain["strain_xx"][0, 0]) == pytest.approx(0.0, abs=1e-9)
    assert float(strain["strain_xx"][0, 5]) == pytest.approx(halves[0, 5, 1, 1] - 1, abs=1e-9)


def test_wrong_calls_are_refused(halves):
    discs = table(halves)
    lattice = fit_lattice(discs)
    with pytest.raises(DataError, match="ky and kx along 'peak'"):
        fit_lattice(discs.rename(ky="y_"))
    with pytest.raises(DataError, match="not parallel"):
        fit_lattice(discs, vectors=((1.0, 1.0), (2.0, 2.0)))
    with pytest.raises(DataError, match="weights='std' need"):
        fit_lattice(discs, weights="std")
    with pytest.raises(DataError, match="same units"):
        fit_lattice(discs.assign(kx=discs["kx"].assign_attrs(units="mrad")))
    with pytest.raises(DataError, match="pass vectors="):
        fit_lattice(discs.chunk())
    with pytest.raises(DataError, match="holds no position"):
        measure_strain(lattice, {"x": slice(100, 200)})
    with pytest.raises(DataError, match="the reference names"):
        measure_strain(lattice, {"z": slice(0, 1)})
    with pytest.raises(DataError, match="such as `fit_lattice`"):
        measure_strain(discs)


@pytest.mark.parametrize("search", ["everywhere", "lattice"])
def test_strain_from_patterns(search):
    data = simulate.nanobeam_4d((3, 6), rng=5)
    discs = find_discs(data, make_template(data, radius=0.9), search=search)
    lattice = fit_lattice(discs)
    strain = measure_strain(lattice, {"x": slice(0, 5)})
    for name, value in zip(STRAINS, (-0.01, 0.02, 0.005, 0.5), strict=True):
        scale = np.degrees(1.0) if name == "rotation" else 1.0
        assert float(strain[name][:, 3:].mean()) == pytest.approx(value, abs=1.5e-3 * scale)
    truth = data.attrs["metadata"]["truth"]
    np.testing.assert_allclose(lattice["origin_ky"], truth["centre_ky"], atol=0.03)


@pytest.mark.shared
def test_strain_of_the_reference_block(shared):
    held = np.load(shared / "data" / "stem" / "nbed_synth_a.npz")
    coords = {
        dim: coordinate(dim, np.arange(size) - (size // 2 if dim[0] == "k" else 0.0), units)
        for dim, size, units in zip(
            ("y", "x", "ky", "kx"), held["data"].shape, ("nm", "nm", "1/nm", "1/nm"), strict=True
        )
    }
    data = xr.DataArray(held["data"], coords, dims=tuple(coords), attrs={"units": "counts"})
    truth = held["exx_per_column"]
    for search in ("everywhere", "lattice"):
        lattice = fit_lattice(find_discs(data, make_template(data), search=search))
        strain = measure_strain(lattice, {"x": slice(0, 9)})
        error = strain["strain_xx"].values - truth
        assert np.sqrt((error**2).mean()) < 6e-4
        assert abs(np.median(error[:, :10])) < 2e-4
        assert abs(np.median(error[:, 10:])) < 2e-4
        np.testing.assert_allclose(lattice["origin_ky"] + 48, held["cy"], atol=0.15)


@pytest.mark.parametrize("noise", [False, True])
def test_cepstra_have_the_strain_of_the_crystal(noise):
    truth = {"strain": (-0.01, 0.02, 0.005), "rotation": 0.5}
    data = simulate.nanobeam_4d(
        (4, 12), (64, 64), reach=2, pixel=0.36, counts=2e5, noise=noise, rng=1, **truth
    )
    lattice = fit_cepstrum(data)
    strain = measure_strain(lattice, {"x": slice(0.0, 10.0)}).isel(x=slice(6, None))
    expected = {
        "strain_yy": -0.01, "strain_xx": 0.02, "strain_xy": 0.005, "rotation": 0.5
    }  # fmt: skip
    for name, value in expected.items():
        scale = 60.0 if name == "rotation" else 1.0
        assert float(strain[name].mean()) == pytest.approx(value, abs=0.0025 * scale), name
    assert (lattice["status"] == 0).all()
    # Discs agree on how long the vectors are, to some percent, and which is which.
    discs = find_discs(data, make_template(data, radius=1.2), search="lattice")
    fitted = fit_lattice(discs)
    for name in ("a_ky", "a_kx", "b_ky", "b_kx"):
        away = (lattice[name] - fitted[name]).isel(x=slice(0, 6)).mean()
        assert abs(float(away)) < 0.12, name


def test_cepstra_scatter_as_their_deviations_say():
    data = simulate.nanobeam_4d(
        (10, 30), (48, 48), reach=1, descan=(0.0, 0.0), strain=(0.0, 0.0, 0.0), rotation=0.0,
        counts=1e5, noise=False,
    )  # fmt: skip
    data = data.isel(y=0, x=0, drop=True).expand_dims(copy=150)
    drawn = data.copy(data=np.random.default_rng(4).poisson(data).astype(np.uint16))
    vectors = ((3.1, 0.4), (-0.5, 3.5))
    found = fit_cepstrum(drawn.assign_attrs(units="counts"), vectors=vectors)
    for name in ("a_ky", "a_kx", "b_ky", "b_kx"):
        stated = float((found[f"{name}_std"] ** 2).mean() ** 0.5)
        assert float(found[name].std()) == pytest.approx(stated, rel=0.2), name
    bare = fit_cepstrum(drawn.assign_attrs(units="V"), vectors=vectors)
    assert np.isnan(bare["a_ky_std"]).all()


@pytest.mark.parametrize("reach", [1, 2])
def test_cepstra_of_discs_whose_radius_is_known_have_longer_distances(reach):
    data = simulate.nanobeam_4d(
        (1, 8), (64, 64), reach=reach, pixel=0.36, counts=1e6, strain=(0.0, 0.0, 0.0),
        rotation=0.0, rng=1,
    )  # fmt: skip
    drawn, mended = fit_cepstrum(data), fit_cepstrum(data, radius=0.9)
    # The sample has (3.0, 0.4) and (-0.5, 3.4); the one nearest to +kx is called a.
    for name, truth in {"a_ky": -0.5, "a_kx": 3.4, "b_ky": 3.0, "b_kx": 0.4}.items():
        away, before = (abs(float(each[name].median()) - truth) for each in (mended, drawn))
        assert away < 0.045, name
        if abs(truth) > 1.0:
            assert away < 0.6 * before, name


def test_cepstra_of_noise_are_invalid_and_those_of_weak_discs_are_rarely():
    data = simulate.nanobeam_4d((4, 6), (64, 64), pixel=0.36, counts=300, rng=1)
    vectors = ((3.0, 0.4), (-0.5, 3.4))
    found = fit_cepstrum(data, vectors=vectors)
    assert (found["status"] == 0).all()
    draw = np.random.default_rng(0)
    fading = 20.0 * np.exp(-np.hypot(data["ky"], data["kx"]) / 3.0).values
    for mean in (2.0, fading):
        noise = data.copy(data=draw.poisson(np.broadcast_to(mean, data.shape)).astype(np.float32))
        found = fit_cepstrum(noise, vectors=vectors)
        assert (found["status"] == 5).all()
        assert np.isnan(found["a_kx"]).all()


def test_cepstra_turn_with_the_axes_of_the_detector():
    data = simulate.nanobeam_4d((1, 1), (64, 64), reach=2, noise=False)
    straight = fit_cepstrum(data)
    turned = fit_cepstrum(data.isel(ky=slice(None, None, -1)).transpose("kx", "ky", "y", "x"))
    for name in ("a_ky", "a_kx", "b_ky", "b_kx"):
        np.testing.assert_allclose(straight[name], turned[name], rtol=1e-6)


def test_patterns_without_a_crystal_have_no_cepstrum():
    data = simulate.nanobeam_4d((2, 3), (48, 48)).astype(float)
    data[0, 0] = np.nan
    data[0, 1] = 0.0
    found = fit_cepstrum(data)
    assert found["status"].values[0].tolist() == [4, 4, 0]
    assert np.isnan(found["a_kx"].values[0, :2]).all()
    for options, match in (
        ({"floor": 0.0}, "floor must be positive"),
        ({"vectors": ((1.0, 0.0), (2.0, 0.0))}, "not parallel"),
        ({"radius": 0.0}, "radius of discs must be positive"),
    ):
        with pytest.raises(DataError, match=match):
            fit_cepstrum(data, **options)
    with pytest.raises(DataError, match="16"):
        fit_cepstrum(data[..., :12])


def test_whole_patterns_have_the_strain_better_than_their_discs():
    truth = {"strain": (-0.01, 0.02, 0.005), "rotation": 0.5}
    data = simulate.nanobeam_4d((3, 8), (48, 48), pixel=0.22, reach=1, counts=4e4, rng=2, **truth)
    discs = find_discs(data, make_template(data, radius=0.9), search="lattice")
    lattice = fit_lattice(discs)
    fitted = fit_patterns(data, lattice.median(["y", "x"]), radius=0.8)
    assert (fitted["status"] == 0).all()
    np.testing.assert_allclose(fitted["radius"].mean(), 0.9, atol=0.03)
    np.testing.assert_allclose(fitted["reduced_chi_square"], 1.0, atol=0.6)
    expected = {"strain_yy": -0.01, "strain_xx": 0.02, "strain_xy": 0.005, "rotation": 0.5}
    whole, parts = (
        measure_strain(found, {"x": slice(0.0, 6.0)}).isel(x=slice(4, None))
        for found in (fitted, lattice)
    )
    for name, value in expected.items():
        scale = 60.0 if name == "rotation" else 1.0
        assert float(whole[name].mean()) == pytest.approx(value, abs=0.0015 * scale), name
        assert float(whole[name].std()) < float(parts[name].std()), name


def test_whole_patterns_scatter_as_their_deviations_say():
    data = simulate.nanobeam_4d(
        (1, 1), (32, 32), pixel=0.3, reach=1, noise=False, counts=1e4, descan=(0.0, 0.0)
    )
    start = fit_patterns(data, lattice_at(((3.0, 0.4), (-0.5, 3.4)), (0.15, -0.25)), radius=0.9)
    mean = data.isel(y=0, x=0, drop=True).expand_dims(copy=120)
    drawn = mean.copy(data=np.random.default_rng(5).poisson(mean).astype(np.uint16))
    found = fit_patterns(drawn, start.isel(y=0, x=0), radius=0.9)
    for name in ("a_ky", "a_kx", "b_ky", "b_kx", "origin_ky", "radius"):
        stated = float((found[f"{name}_std"] ** 2).mean() ** 0.5)
        assert float(found[name].std()) == pytest.approx(stated, rel=0.25), name


def test_a_lattice_without_a_disc_on_the_detector_is_no_fit():
    data = simulate.nanobeam_4d((1, 2), (32, 32), pixel=0.3, reach=1)
    far = lattice_at(((300.0, 40.0), (-50.0, 340.0)), (150.0, 90.0))
    found = fit_patterns(data, far, radius=0.9)
    assert (found["status"] == Status.INVALID).all()
    assert found["a_ky"].isnull().all()


def lattice_at(g, origin):
    """Return one lattice, its vector nearest to +kx first."""
    a, b = g[1], g[0]
    values = dict(zip(("a_ky", "a_kx", "b_ky", "b_kx"), (*a, *b), strict=True))
    values |= {"origin_ky": origin[0], "origin_kx": origin[1]}
    return xr.Dataset({name: ((), value) for name, value in values.items()})


def test_slopes_of_discs_are_those_of_differences(monkeypatch):
    monkeypatch.setattr(whole_patterns, "_REACH", 60.0)  # no edges of the parts that are looked at
    grid = whole_patterns.Grid(np.arange(-9.0, 10), np.arange(-8.0, 12), 0.4, 1.0, counted=True)
    shape = np.array([0.3, 4.1, 5.2, -0.4, 0.2, 0.7, 2.3])
    sites = whole_patterns.sites_of(shape, grid)
    assert sites[0].tolist() == [0.0, 0.0]
    assert len(sites) == len(np.unique(sites, axis=0))
    _, slopes = whole_patterns.columns_of(shape, sites, grid)
    for which, change in enumerate((4, 5, 6)):
        away = np.zeros(7)
        away[change] = 1e-5
        more, less = (
            whole_patterns.columns_of(shape + sign * away, sites, grid)[0] for sign in (1, -1)
        )
        np.testing.assert_allclose(slopes[which], (more - less) / 2e-5, atol=1e-4)


def test_patterns_that_cannot_be_fitted_say_so():
    data = simulate.nanobeam_4d((2, 3), (32, 32), pixel=0.3, reach=1).astype(float)
    lattice = lattice_at(((3.0, 0.4), (-0.5, 3.4)), (0.15, -0.25))
    data[0, 0], data[0, 1] = np.nan, 0.0
    found = fit_patterns(data, lattice, radius=0.9)
    assert found["status"].values[0, :2].tolist() == [4, 4]
    assert found["status"].values[1].tolist() == [0, 0, 0]
    assert np.isnan(found["a_kx"].values[0, :2]).all()
    parallel = lattice.assign(b_ky=lattice["a_ky"], b_kx=lattice["a_kx"])
    assert int(fit_patterns(data[1, 0], parallel, radius=0.9)["status"]) == 2
    for arguments, match in (
        ((lattice.drop_vars("b_ky"), 0.9), "expected a lattice with"),
        ((lattice, 0.0), "must be positive"),
        ((lattice.expand_dims(frame=2), 0.9), "the scan has not"),
        ((lattice.expand_dims(x=2), 0.9), "the lattice has {'x': 2} points, the scan {'x': 3}"),
        ((lattice.assign(a_ky=lattice["a_ky"].assign_attrs(units="1/Å")), 0.9), "in '1/Å'"),
    ):
        with pytest.raises(DataError, match=match):
            fit_patterns(data, arguments[0], radius=arguments[1])
