"""Orientations from patterns."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import crystal, diffraction, simulate
from omniscopy.diffraction.orientation import pictures, refining, rivals
from omniscopy.diffraction.orientation.matching import templates_of
from omniscopy.diffraction.orientation.matching_kernel import (
    correlate,
    correlate_plainly,
    to_polar,
)
from omniscopy.model import DataError, coordinate

ALUMINIUM = crystal.structure("Al")


@pytest.fixture(scope="module")
def library():
    return simulate.pattern_library("Al", voltage=200e3, step=1.41)


def truth_of(data):
    return np.array(data.attrs["metadata"]["truth"]["orientation"])


def test_directions_fill_two_triangles_of_a_cube():
    ways = crystal.sample_directions(ALUMINIUM, 1.41)
    assert 950 < len(ways) < 1050
    z = np.sort(np.abs(ways.values), axis=1)
    np.testing.assert_allclose(np.linalg.norm(ways.values, axis=1), 1.0)
    # No two are equivalent: their sorted indices differ, but for mirror images.
    _, count = np.unique(np.round(z, 6), axis=0, return_counts=True)
    assert count.max() <= 2
    assert len(crystal.proper_rotations(ALUMINIUM)) == 24
    # A hexagonal crystal has 12 rotations, and so twice as many directions.
    zinc = crystal.sample_directions(crystal.structure("ZnO"), 1.41)
    assert len(zinc) == pytest.approx(2 * len(ways), rel=0.03)


def test_misorientations_know_the_symmetry():
    turn = crystal.orientation_matrix(ALUMINIUM, (1, 2, 3))
    quarter = turn @ crystal.orientation_matrix(ALUMINIUM, (0, 0, 1), right=(0, 1, 0)).T
    assert crystal.misorientations(ALUMINIUM, turn, quarter) == pytest.approx(0.0, abs=1e-5)
    tilted = crystal.stage_rotation(3.0, 0.0) @ turn
    assert crystal.misorientations(ALUMINIUM, tilted, quarter) == pytest.approx(3.0, abs=1e-6)
    with pytest.raises(DataError, match="3 by 3 matrices"):
        crystal.misorientations(ALUMINIUM, np.eye(2), turn)


def test_a_known_orientation_is_found_and_not_its_mirror_image(library):
    """Silicon carbide and the like would tell mirror images apart; a general direction does too."""
    turn = crystal.orientation_matrix(ALUMINIUM, (1, 2, 4), up=(2, -1, 0))
    for tilt in ((0.0, 0.0), (7.0, -4.0)):
        spots = simulate.spot_pattern(
            "Al", zone=(1, 2, 4), up=(2, -1, 0), tilt=tilt, voltage=200e3, thickness=100.0,
            shape="lorentzian", largest_excitation=0.05,
        )  # fmt: skip
        axis = 0.06 * np.arange(-32, 32)
        away = [
            np.exp(-0.5 * ((axis[:, None] - y) ** 2 + (axis - x) ** 2) / 0.06**2) * i
            for y, x, i in zip(
                spots.ky.values, spots.kx.values, spots.intensity.values, strict=True
            )
        ]
        coords = {dim: coordinate(dim, axis, "1/Å") for dim in ("ky", "kx")}
        data = xr.DataArray(np.sum(away, axis=0), coords)
        found = diffraction.match_orientation(data, library)
        there = crystal.stage_rotation(*tilt) @ turn
        assert crystal.misorientations(ALUMINIUM, found.matrix.values, there) < 1.5
        assert np.linalg.det(found.matrix.values) == pytest.approx(1.0)
        assert int(found.status) == 0


@pytest.mark.parametrize("name", ["Al", "Si"])
def test_orientations_of_chance_are_found_to_a_degree(name, library):
    crystal_ = crystal.structure(name)
    own = library if name == "Al" else simulate.pattern_library(name, voltage=200e3, step=1.41)
    data = simulate.orientation_4d(name, (8, 10), rng=3)
    found = diffraction.match_orientation(data, own)
    away = crystal.misorientations(crystal_, found.matrix.values, truth_of(data))
    assert np.median(away) < 1.0
    assert (away < 3.0).mean() > 0.85
    # What is ahead of others is right.
    sure = found.reliability.values > np.quantile(found.reliability.values, 0.3)
    assert (away[sure] < 3.0).mean() >= (away < 3.0).mean()


def test_patterns_that_are_turned_mirrored_or_moved_are_told_apart(library):
    data = simulate.orientation_4d("Al", (2, 3), rng=5, noise=False)
    plain = diffraction.match_orientation(data, library)
    moved = data.assign_coords(
        ky=data.ky.copy(data=data.ky.values + 3.0), kx=data.kx.copy(data=data.kx.values - 2.0)
    )
    again = diffraction.match_orientation(moved, library, centre=(3.0, -2.0))
    np.testing.assert_allclose(again.matrix, plain.matrix, atol=1e-6)
    # Rows in the other order are the same pattern, since their labels go with them.
    flipped = diffraction.match_orientation(data.isel(ky=slice(None, None, -1)), library)
    np.testing.assert_allclose(flipped.in_plane, plain.in_plane, atol=0.2)
    np.testing.assert_array_equal(flipped.entry, plain.entry)
    # Rotating the labels by 90 degrees: what was along x is along y, downwards.
    turned = data.transpose("y", "x", "kx", "ky").rename(kx="ky", ky="kx")
    turned = turned.assign_coords(kx=turned.kx.copy(data=-turned.kx.values))
    found = diffraction.match_orientation(turned, library)
    np.testing.assert_array_equal(found.entry, plain.entry)
    # In the picture x goes to y, downwards: clockwise as seen.
    change = (found.in_plane - plain.in_plane + 90.0 + 180.0) % 360.0 - 180.0
    np.testing.assert_allclose(change, 0.0, atol=0.3)


def test_the_kernel_does_what_the_formula_says(library):
    rng = np.random.default_rng(0)
    from omniscopy.diffraction.orientation.matching import Grid

    angle = 2 * np.pi * np.arange(90) / 90
    ring = np.arange(25.0)
    grid = Grid(
        np.outer(ring, np.sin(angle)), np.outer(ring, np.cos(angle)), (12.0, 12.0), 1.0, None
    )
    few = library.isel(orientation=slice(0, 60))
    spots = [10 * few.ky.values, 10 * few.kx.values, few.intensity.values]
    templates = templates_of(*spots, grid, 0.5)
    once = rng.random((25, 90)).astype(np.float32)
    polar = np.concatenate([once, once], axis=1)
    made = []
    for function in (correlate, correlate_plainly):
        scores, places, best = (
            np.empty(60, np.float32),
            np.empty(60, np.int64),
            np.zeros(3, np.float32),
        )
        function(polar, *templates, scores, places, best)
        made.append((scores, places, best))
    for ours, plain in zip(*made, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-4)


def test_polar_patterns_are_interpolated():
    y, x = np.mgrid[:20, :22].astype(float)
    image = 2.0 * y - 3.0 * x + 1.0
    rows, columns = np.array([[0.0, 3.5, -40.0]]), np.array([[0.0, -2.25, 0.0]])
    polar = np.empty((1, 6), np.float32)
    to_polar(image, 9.0, 10.0, rows, columns, polar)
    expected = [2 * 9 - 30 + 1, 2 * 12.5 - 3 * 7.75 + 1, 0.0]
    np.testing.assert_allclose(polar[0], expected * 2, rtol=1e-6)


def test_patterns_without_anything_are_no_data_and_alone(library):
    data = simulate.orientation_4d("Al", (1, 4), rng=5)
    plain = diffraction.match_orientation(data, library)
    data[0, 1] = 0.0
    data[0, 2] = np.nan
    found = diffraction.match_orientation(data, library)
    assert found.status.values[0].tolist() == [0, 4, 4, 0]
    assert np.isnan(found.matrix.values[0, 1:3]).all()
    np.testing.assert_allclose(found.matrix[0, 0], plain.matrix[0, 0])


def spoilt(data):
    """Return patterns with hot pixels and a dead row, and which these are."""
    dead = xr.zeros_like(data[0, 0], dtype=bool)
    dead[{"ky": 20}] = True
    for y, x in ((5, 9), (31, 40), (50, 22), (44, 51)):
        dead[{"ky": y, "kx": x}] = True
    hot = dead.copy(data=dead.values)
    hot[{"ky": 20}] = False
    return data.where(~dead, 0.0).where(~hot, 1e4), dead


def test_hot_pixels_and_dead_rows_are_left_out_of_orientations(library):
    data = simulate.orientation_4d("Al", (3, 4), rng=5)
    plain = diffraction.match_orientation(data, library)
    bad, dead = spoilt(data)
    missed = diffraction.match_orientation(bad, library)
    found = diffraction.match_orientation(bad, library, dead=dead)
    np.testing.assert_array_equal(found["entry"], plain["entry"])
    assert (angle_of(found["matrix"], data) > 3.0).sum() == 1
    assert (angle_of(missed["matrix"], data) > 3.0).sum() >= 3
    coarse = simulate.pattern_library("Al", voltage=200e3, step=3.0)
    kept, lost = (
        diffraction.match_phases(bad, [coarse], width=0.65, dead=each) for each in (dead, None)
    )
    sure = ~kept["ambiguous"].values
    assert sure.sum() >= 9
    assert angle_of(kept["matrix"], data)[sure].max() < 0.5
    assert (angle_of(lost["matrix"], data) > 2.0).sum() >= 5
    # Pixels that are NaN are the same as dead ones.
    blank = diffraction.match_orientation(bad.where(~dead), library)
    np.testing.assert_array_equal(blank["entry"], found["entry"])
    with pytest.raises(DataError, match="do not fit to patterns"):
        diffraction.match_orientation(bad, library, dead=dead.isel(ky=slice(1, None)))


def test_crystals_on_top_of_each_other_are_each_found(library):
    parts = [simulate.orientation_4d("Al", (6, 6), rng=seed) for seed in (5, 8)]
    both = parts[0].copy(data=0.6 * parts[0].values + 0.4 * parts[1].values)
    found = diffraction.match_orientation(both, library, matches=2)
    assert found["matrix"].dims == ("y", "x", "match", "row", "column")
    right = []
    for part in parts:
        away = [angle_of(found["matrix"].isel(match=n), part) for n in range(2)]
        right.append(np.min(away, axis=0) < 3.0)
    # Alone, a ninth is taken for others that share its spots.
    assert np.mean(right[0]) > 0.8
    assert np.mean(right[1]) > 0.8
    assert np.mean(right[0] & right[1]) > 0.7
    # The first is that of a single match, and what is left is less.
    single = diffraction.match_orientation(both, library)
    np.testing.assert_array_equal(found["entry"].isel(match=0), single["entry"])
    assert (found["correlation"].isel(match=1) < found["correlation"].isel(match=0)).all()


def test_spots_are_taken_off_where_they_are(library):
    """Of one crystal hardly anything is left beside the spots of its own orientation."""
    data = simulate.orientation_4d("Al", (3, 4), rng=5, noise=False)
    found = diffraction.match_orientation(data, library, matches=2)
    left = found["correlation"].isel(match=1) / found["correlation"].isel(match=0)
    assert float(left.median()) < 0.55
    empty = diffraction.match_orientation(data * 0.0, library, matches=3)
    assert np.isnan(empty["matrix"]).all()
    assert (empty["status"] == 4).all()
    with pytest.raises(DataError, match="matches must be a whole number"):
        diffraction.match_orientation(data, library, matches=0)


def test_bad_calls_are_refused(library):
    data = simulate.orientation_4d("Al", (1, 1), rng=5)
    with pytest.raises(DataError, match="the library lacks matrix"):
        diffraction.match_orientation(data, library.drop_vars("matrix"))
    with pytest.raises(DataError, match="holds no orientation of spots"):
        diffraction.match_orientation(data, library.isel(orientation=slice(0, 0)))
    with pytest.raises(DataError, match="power must be above 0"):
        diffraction.match_orientation(data, library, power=0.0)
    with pytest.raises(DataError, match="is not on the patterns"):
        diffraction.match_orientation(data, library, centre=(100.0, 0.0))
    pixels = data.assign_coords(kx=coordinate("kx", data.kx.values))
    with pytest.raises(DataError, match="must be in '1/nm'"):
        diffraction.match_orientation(pixels, library)
    with pytest.raises(DataError, match="two reciprocal dimensions"):
        diffraction.match_orientation(data.isel(kx=0), library)
    with pytest.raises(DataError, match="a step is an angle"):
        crystal.sample_directions(ALUMINIUM, 0.0)
    with pytest.raises(DataError, match="write 200000"):
        simulate.pattern_library("Al", voltage=200.0)


@pytest.fixture(scope="module")
def two_phases():
    """Return libraries of two metals, and patterns of one, the other and both."""
    libraries = [simulate.pattern_library(name, voltage=200e3, step=3.0) for name in ("Al", "Fe")]
    parts = [
        simulate.orientation_4d(name, (1, 5), noise=False, rng=5, direct=0.2, background=0.05)
        for name in ("Al", "Fe")
    ]
    share = xr.DataArray([0.0, 1.0, 0.5, 0.7, 0.2], dims="x")
    return libraries, parts, parts[0] * (1 - share) + parts[1] * share, share


def shares_beyond(parts, share, nearest=3.44):
    """Return which part of the intensity beyond the innermost spots is of the second crystal."""
    sums = [
        part.drop_vars("x").where(np.hypot(part.ky, part.kx) >= nearest).sum(("ky", "kx"))
        for part in parts
    ]
    return share * sums[1] / ((1 - share) * sums[0] + share * sums[1])


def test_phases_and_their_shares_are_found(two_phases):
    libraries, parts, mixed, share = two_phases
    found = diffraction.match_phases(mixed, libraries, names=["Al", "Fe"], width=0.65)
    iron = found["weight"].sel(phase_number="Fe").isel(y=0)
    np.testing.assert_allclose(found["weight"].sum("phase_number"), 1.0)
    np.testing.assert_allclose(iron, shares_beyond(parts, share).isel(y=0), atol=0.08)
    assert found["phase"].values[0, [0, 1, 4]].tolist() == [0, 1, 0]


def test_orientations_of_phases_lie_between_the_entries_of_libraries(two_phases):
    libraries, parts, _, _ = two_phases
    for library, part in zip(libraries, parts, strict=True):
        found = diffraction.match_phases(part, [library], width=0.65)
        entries = diffraction.match_orientation(part, library)
        # In steps of 3 degrees; some patterns are those of a twin as well.
        away, before = (
            np.median(crystal.misorientations(ALUMINIUM, each["matrix"].values, truth_of(part)))
            for each in (found, entries)
        )
        assert away < 0.4 < before


def angle_between(one, other):
    return float(crystal.misorientations(ALUMINIUM, one, other))


@pytest.mark.parametrize("turns", [3, 4])
def test_a_pure_crystal_in_any_orientation_is_no_mixture(two_phases, turns):
    libraries = two_phases[0]
    for n, name in enumerate(("Al", "Fe")):
        scan = simulate.orientation_4d(name, (2, 5), rng=turns)
        found = diffraction.match_phases(scan, libraries, names=["Al", "Fe"], width=0.65)
        own, std = (found[key].isel(phase_number=n).values for key in ("weight", "weight_std"))
        assert np.median(own) > 0.95
        assert np.mean(own > 0.85) >= 0.8
        assert (found["phase"] == n).mean() >= 0.9
        # What else is found where the crystal was found is within what is said of it.
        assert np.median((1 - own) / std) < 3.0


@pytest.mark.parametrize(("name", "seed"), [("Al", 4), ("Al", 5), ("Fe", 4), ("Fe", 5)])
def test_orientations_that_share_their_spots_say_so(two_phases, name, seed):
    """Of these, up to six in 24 were taken for others, without a word."""
    library = two_phases[0][("Al", "Fe").index(name)]
    data = simulate.orientation_4d(name, (4, 6), rng=seed)
    found = diffraction.match_phases(data, [library], width=0.65)
    away = angle_of(found["matrix"], data)
    wrong, ambiguous = away > 2.0, found["ambiguous"].values
    assert not (wrong & ~ambiguous).any()
    assert ambiguous.sum() <= 8
    # What is ambiguous is one of two, or very nearly always so.
    either = np.minimum(away, angle_of(found["second_matrix"], data))
    assert (either[ambiguous] > 2.0).sum() <= 1
    # Half of them are right by chance.
    assert wrong.sum() <= ambiguous.sum()
    np.testing.assert_array_equal(ambiguous, found["lead"] < 3.0)


@pytest.fixture(scope="module")
def coarse():
    """Return libraries of two metals whose spots nearly meet: {200} of Al are {110} of Fe."""
    return [simulate.pattern_library(name, voltage=200e3, step=4.0) for name in ("Al", "Fe")]


@pytest.mark.parametrize(
    ("name", "seed", "place"),
    [
        ("Al", 0, (3, 1)), ("Al", 3, (2, 1)), ("Al", 4, (2, 0)), ("Al", 4, (3, 3)),
        ("Fe", 1, (2, 1)), ("Fe", 3, (0, 2)),
    ],
)  # fmt: skip
def test_crystals_whose_spots_nearly_meet_are_told_by_weak_ones(coarse, name, seed, place):
    """Each was taken for the other crystal or turned wrong, most of them surely so.

    [001] of one is as that of the other turned by 45 degrees.
    """
    data = simulate.orientation_4d(name, (4, 5), rng=seed)
    data.attrs["metadata"]["truth"]["orientation"] = truth_of(data)[place].tolist()
    found = diffraction.match_phases(data[place], coarse, names=["Al", "Fe"], width=0.65)
    assert int(found["phase"]) == ("Al", "Fe").index(name)
    assert angle_of(found["matrix"], data) < 2.0 or bool(found["ambiguous"])
    expected = (found["lead"] < 3.0) | (found["phase_lead"] < 3.0)
    assert bool(found["ambiguous"]) == bool(expected)
    assert not found["phase_lead"] < 0.0


def test_a_crystal_that_cannot_be_told_from_another_is_ambiguous(coarse):
    """Of the same crystal twice nothing tells which one it is."""
    data = simulate.orientation_4d("Al", (1, 3), rng=2)
    found = diffraction.match_phases(data, [coarse[0], coarse[0]], width=0.65)
    assert found["ambiguous"].all()
    np.testing.assert_array_less(found["phase_lead"], 3.0)
    alone = diffraction.match_phases(data, coarse[:1], width=0.65)
    assert alone["phase_lead"].isnull().all()


def angle_of(matrix, data):
    return crystal.misorientations(ALUMINIUM, matrix.values, truth_of(data))


def test_weak_spots_of_other_zones_tell_half_turns_apart(two_phases):
    """The likeness of the wrong one was 0.99867, as that of the right one, with twice its chi2."""
    data = simulate.orientation_4d("Al", (4, 6), rng=4)[3:, 4:5]
    found = diffraction.match_phases(data, [two_phases[0][0]], width=0.65)
    truth = np.array(data.attrs["metadata"]["truth"]["orientation"])[3:, 4:5]
    assert crystal.misorientations(ALUMINIUM, found["matrix"].values, truth).max() < 0.5
    assert found["lead"].values.min() > 3.0
    assert angle_between(found["matrix"].values[0, 0], found["second_matrix"].values[0, 0]) > 30.0


def test_orientations_that_nothing_tells_apart_are_ambiguous(two_phases):
    """Spots of a single zone are those of the twin too: no noise, and still no answer."""
    library = two_phases[0][0]
    own = refining.Crystal(
        library["g"].values, library["extinction_distance"].values, 10.0,
        **{name: library.attrs[name] for name in refining.NEEDED},
    )  # fmt: skip
    axis = 0.6 * (np.arange(64) - 32)
    turn = crystal.orientation_matrix(ALUMINIUM, (1, 1, 1), up=(1, -1, 0))
    ky, kx, bright = own.spots(turn)
    g = -ky / 10.0, kx / 10.0
    flat = np.array([any(
        np.hypot(each[0] - x, each[1] - y) < 1e-3 and abs(each[2]) < 1e-3
        for each in own.g @ turn.T) for y, x in zip(*g, strict=True)])  # fmt: skip
    picture = np.einsum(
        "iy,ix,i->yx",
        *(np.exp(-0.5 * ((axis - k[flat][:, None]) / 0.65) ** 2) for k in (ky, kx)),
        bright[flat],
    )
    data = xr.DataArray(
        1e4 * picture / picture.sum(),
        {dim: coordinate(dim, axis, "1/nm") for dim in ("ky", "kx")},
        attrs={"units": "counts"},
    )
    found = diffraction.match_phases(data, [library], width=0.65)
    assert bool(found["ambiguous"])
    both = [
        crystal.misorientations(ALUMINIUM, found[name].values, turn)
        for name in ("matrix", "second_matrix")
    ]
    assert min(both) < 0.5
    assert max(both) == pytest.approx(60.0, abs=0.5)


def test_rotations_that_reflections_leave_alone_are_those_of_the_lattice(two_phases):
    for name, count in (("Al", 24), ("ZnO", 12)):
        library = (
            two_phases[0][0]
            if name == "Al"
            else simulate.pattern_library(name, voltage=200e3, step=12.0, limit=1.2)
        )
        own = refining.Crystal(
            library["g"].values, library["extinction_distance"].values, 10.0,
            **{key: library.attrs[key] for key in refining.NEEDED},
        )  # fmt: skip
        symmetry = rivals.symmetry_of(own)
        assert len(symmetry.rotations) == count
        for turn in crystal.proper_rotations(crystal.structure(name)):
            assert symmetry.apart(np.eye(3), np.asarray(turn)) < 0.1
        assert symmetry.apart(refining.turn_by(np.array([0.0, 0.0, 0.05])), np.eye(3)) == (
            pytest.approx(np.rad2deg(0.05))
        )


def test_deviations_of_weights_are_those_of_many_copies(two_phases):
    libraries, _, mixed, _ = two_phases
    draw = np.random.default_rng(0)
    counts = mixed.isel(x=slice(2, 4))
    many = counts.copy(data=counts.values).expand_dims(z=12).transpose("y", "z", "x", "ky", "kx")
    noisy = many.copy(data=draw.poisson(many.values).astype(np.float64))
    found = diffraction.match_phases(noisy, libraries, width=0.65)
    scatter = found["weight"].isel(phase_number=0).std("z", ddof=1)
    said = np.sqrt((found["weight_std"].isel(phase_number=0) ** 2).mean("z"))
    assert (scatter < 2.5 * said).all()


def test_a_library_without_reflections_is_taken_at_its_entries(two_phases):
    libraries, parts, mixed, _ = two_phases
    bare = [each.drop_dims("reflection") for each in libraries]
    found = diffraction.match_phases(mixed, bare, names=["Al", "Fe"], width=0.65)
    for place, part in enumerate(parts):
        alone = diffraction.match_orientation(part, libraries[place])
        np.testing.assert_allclose(found["matrix"][0, place], alone["matrix"][0, place])
        np.testing.assert_allclose(
            found["correlation"][0, place, place], alone["correlation"][0, place]
        )


def test_tilts_are_found_with_their_signs(two_phases):
    library = two_phases[0][0]
    scale = 10.0
    own = refining.Crystal(
        library["g"].values, library["extinction_distance"].values, scale,
        **{name: library.attrs[name] for name in refining.NEEDED},
    )  # fmt: skip
    axes = [0.6 * (np.arange(64) - 32)] * 2
    true = truth_of(two_phases[1][0])[0, 0]
    ky, kx, bright = own.spots(true)
    image = np.einsum(
        "iy,ix,i->yx", *(np.exp(-0.5 * ((axes[0] - k[:, None]) / 0.65) ** 2) for k in (ky, kx)),
        bright,
    )  # fmt: skip
    for tilt in ([0.02, -0.01, 0.0], [-0.015, -0.02, 0.0]):
        start = refining.turn_by(np.array(tilt)) @ true
        back = refining.refine(image, own, start, axes, 3.0, 0.65)[0]
        assert angle_between(start, true) > 1.2
        assert angle_between(back, true) < 0.1


@pytest.mark.parametrize("scale_of_values", [1e-6, 1.0, 1e9])
def test_an_orientation_settles_where_the_whole_pattern_is_most_alike(two_phases, scale_of_values):
    library = two_phases[0][0]
    own = refining.Crystal(
        library["g"].values, library["extinction_distance"].values, 10.0,
        **{name: library.attrs[name] for name in refining.NEEDED},
    )  # fmt: skip
    axes = [0.6 * (np.arange(64) - 32)] * 2
    away = np.hypot(axes[0][:, None], axes[1])
    frame = pictures.Frame(None, 0.3, axes, 0.65, 3.0, away >= 3.0, away.astype(int))
    true = truth_of(two_phases[1][0])[0, 0]
    image = scale_of_values * pictures.picture_of(*own.spots(true), frame)
    # A turn about the beam too, of which entries know the next step of a degree.
    start = refining.turn_by(np.deg2rad([0.05, -0.05, 0.4])) @ true
    found = pictures.settled(image, own, pictures.seen(image, own, start, frame), frame)
    assert angle_between(start, true) > 0.3
    assert angle_between(found.matrix, true) < 0.1
    assert found.alike > 0.999


def test_patterns_of_nothing_have_no_phase_and_wrong_calls_say_so(two_phases):
    libraries, _, mixed, _ = two_phases
    mixed = mixed.copy()
    mixed[0, 1] = np.nan
    mixed[0, 2] = 0.0
    mixed[0, 3, 7, 7] = np.nan
    found = diffraction.match_phases(mixed, libraries)
    assert found["phase"].values[0, 1:3].tolist() == [-1, -1]
    assert found["status"].values[0].tolist() == [0, 4, 4, 0, 0]
    assert np.isnan(found["weight"].values[0, 1:3]).all()
    assert found["phase_number"].values.tolist() == ["0", "1"]
    for options, match in (
        ({"names": ["Al"]}, "2 libraries need as many different names"),
        ({"names": ["Al", "Al"]}, "2 libraries need as many different names"),
        ({"width": 0.0}, "the width of a spot must be positive"),
        ({"power": -1.0}, "power must be above 0"),
    ):
        with pytest.raises(DataError, match=match):
            diffraction.match_phases(mixed, libraries, **options)
    with pytest.raises(DataError, match="there is no library"):
        diffraction.match_phases(mixed, [])


def dynamical(thickness, precession, count=10):
    """Return patterns by Bloch waves of aluminium at random, and their orientations.

    The beam goes round a cone of half the angle `precession` (degrees) and is brought back behind
    the crystal.
    """
    draw = np.random.default_rng(0)
    axis = 0.6 * (np.arange(64) - 32)
    around = 2.0 * np.pi * np.arange(24) / 24
    tilts = [(precession * np.cos(turn), precession * np.sin(turn)) for turn in around]
    patterns, truth = [], []
    for _ in range(count):
        zone = draw.normal(size=3)
        beams = simulate.bloch_waves(
            "Al", zone=tuple(zone), voltage=200e3, thickness=thickness, limit=1.9,
            largest_excitation=0.03, debye_waller=0.8, tilt=tilts if precession else [(0.0, 0.0)],
        )  # fmt: skip
        bright = beams["intensity"].isel(thickness=0).mean("tilt").values.copy()
        bright[0] *= 0.3
        down, right = (
            np.exp(-0.5 * ((axis[:, None] - 10.0 * beams[name].values) / 0.65) ** 2)
            for name in ("ky", "kx")
        )
        mean = (down * bright) @ right.T
        patterns.append(draw.poisson(2e4 * mean / mean.sum() + 2.0).astype(np.float64))
        truth.append(crystal.orientation_matrix(ALUMINIUM, tuple(zone)))
    coords = {
        "y": coordinate("y", 5.0 * np.arange(count), "nm"),
        "ky": coordinate("ky", axis, "1/nm"), "kx": coordinate("kx", axis, "1/nm"),
    }  # fmt: skip
    data = xr.DataArray(patterns, coords, dims=("y", "ky", "kx"), attrs={"units": "counts"})
    return data, np.array(truth)


@pytest.mark.parametrize("thickness", [300.0, 600.0])
def test_precession_tells_orientations_of_thick_crystals(library, thickness):
    """Intensities are dynamical, those of the library are not."""
    data, truth = dynamical(thickness, 1.0)
    found = diffraction.match_orientation(data, library)
    away = crystal.misorientations(ALUMINIUM, found["matrix"].values, truth)
    assert np.median(away) < 1.5
    assert (away > 3.0).sum() <= 1


def test_thick_crystals_without_precession_are_ambiguous_or_not_explained(two_phases):
    """Few spots, brighter and fainter than single scattering has them, fit many orientations."""
    data, truth = dynamical(300.0, 0.0)
    found = diffraction.match_phases(data, two_phases[0][:1], width=0.65)
    away = crystal.misorientations(ALUMINIUM, found["matrix"].values, truth)
    sure = ~found["ambiguous"] & (found["unexplained"] < 0.2)
    assert not ((away > 3.0) & sure.values).any()
