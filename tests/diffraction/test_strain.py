"""Lattices of discs, and strain."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import simulate
from omniscopy.diffraction import find_discs, fit_lattice, make_template, measure_strain
from omniscopy.diffraction.lattices import twin
from omniscopy.model import DataError, coordinate, labelled

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
