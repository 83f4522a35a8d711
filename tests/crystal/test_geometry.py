"""Planes, directions, reflections and orientations."""

import ase
import ase.build
import numpy as np
import pytest

from omniscopy import crystal
from omniscopy.model import DataError
from omniscopy.physics import scattering


@pytest.fixture
def silicon():
    return crystal.structure("Si")


@pytest.fixture
def triclinic():
    return ase.Atoms("Si", cell=[4.0, 5.0, 6.5, 80.0, 95.0, 103.0], pbc=True)


def test_distances_of_planes_are_those_of_the_textbook(silicon):
    a = silicon.cell.lengths()[0]
    found = crystal.d_spacings(silicon, [(1, 1, 1), (2, 2, 0), (0, 0, 4)])
    np.testing.assert_allclose(found, a / np.sqrt([3, 8, 16]))
    graphite = crystal.structure("graphite")
    hexagonal = 1 / np.sqrt(4 / 3 * (1 + 1 + 1) / 2.464**2 + 4 / 6.711**2)
    assert crystal.d_spacings(graphite, (1, 1, 2)) == pytest.approx(hexagonal)
    assert crystal.d_spacings(graphite, (0, 0, 0)) == np.inf


def test_a_plane_has_the_distance_by_the_metric_of_a_triclinic_cell(triclinic):
    a, b, c, alpha, beta, gamma = triclinic.cell.cellpar()
    ca, cb, cg = np.cos(np.deg2rad([alpha, beta, gamma]))
    metric = np.array(
        [
            [a * a, a * b * cg, a * c * cb],
            [a * b * cg, b * b, b * c * ca],
            [a * c * cb, b * c * ca, c * c],
        ]
    )
    h = np.array([1, -2, 3])
    expected = 1 / np.sqrt(h @ np.linalg.inv(metric) @ h)
    assert crystal.d_spacings(triclinic, h) == pytest.approx(expected)
    # A direction in a plane has no part along its normal.
    along = crystal.zone_axis((1, -2, 3), (0, 1, 1))
    normal = crystal.g_vectors(triclinic, (1, -2, 3))
    assert normal @ (along @ triclinic.cell.array) == pytest.approx(0.0, abs=1e-12)


def test_angles_between_planes_and_directions(silicon, triclinic):
    assert crystal.interplanar_angles(silicon, (1, 1, 1), (1, 1, -1)) == pytest.approx(70.528779)
    assert crystal.interplanar_angles(silicon, (1, 0, 0), (-2, 0, 0)) == pytest.approx(180.0)
    assert crystal.interplanar_angles(silicon, (1, 0, 0), (3, 0, 0)) == 0.0
    found = crystal.direction_angles(triclinic, [(1, 0, 0), (0, 1, 0)], (0, 0, 1))
    np.testing.assert_allclose(found, [95.0, 80.0])
    assert np.isnan(crystal.interplanar_angles(silicon, (0, 0, 0), (1, 0, 0)))


def test_the_zone_of_two_planes_is_right_handed_with_them():
    assert crystal.zone_axis((2, 0, 0), (0, 2, 0)) == (0, 0, 1)
    assert crystal.zone_axis((1, -1, 1), (2, 0, 0)) == (0, 1, 1)
    with pytest.raises(DataError, match=r"\(1, 1, 0\) and \(-1, -1, 0\) are parallel"):
        crystal.zone_axis((1, 1, 0), (-2, -2, 0))


def test_four_indices_of_a_hexagonal_cell_go_both_ways():
    assert crystal.miller_bravais((1, 1, 2)).tolist() == [1, 1, -2, 2]
    assert crystal.miller_bravais((1, 0, 0), kind="direction").tolist() == [2, -1, -1, 0]
    assert crystal.miller_bravais((0, 0, 1), kind="direction").tolist() == [0, 0, 0, 1]
    for three in [(1, 0, 0), (1, 1, 0), (2, 1, 3), (0, 0, 1)]:
        for kind in ("plane", "direction"):
            four = crystal.miller_bravais(three, kind=kind)
            assert crystal.from_miller_bravais(four, kind=kind).tolist() == list(three)
    with pytest.raises(DataError, match="first three add up to 0"):
        crystal.from_miller_bravais((1, 1, 1, 0))
    with pytest.raises(DataError, match="'plane' or 'direction', got 'zone'"):
        crystal.miller_bravais((1, 1, 1), kind="zone")


def test_cubic_reflections_have_the_multiplicities_of_the_tables(silicon):
    found = crystal.reflections(silicon, largest_index=3, unique=True)
    known = {
        (1, 0, 0): 6,
        (1, 1, 0): 12,
        (1, 1, 1): 8,
        (2, 1, 0): 24,
        (2, 1, 1): 24,
        (3, 2, 1): 48,
        (3, 3, 3): 8,
    }
    listed = dict(
        zip(map(tuple, found.hkl.values.tolist()), found.multiplicity.values, strict=True)
    )
    assert {hkl: listed[hkl] for hkl in known} == known
    assert np.all(np.diff(found.length) > -1e-9)


def test_reflections_of_equal_length_need_not_be_of_one_family(silicon):
    found = crystal.reflections(silicon, limit=3.01 / 5.431020511)
    nine = found.isel(reflection=np.isclose(found.length, 3 / 5.431020511))
    assert sorted({int(m) for m in nine.multiplicity}) == [6, 24]  # 300 and 221
    assert nine.sizes["reflection"] == 30


def test_hexagonal_tetragonal_and_low_families_are_those_of_their_laue_groups(triclinic):
    graphite = crystal.reflections(crystal.structure("graphite"), largest_index=2, unique=True)
    listed = {
        tuple(h): m
        for h, m in zip(graphite.hkl.values.tolist(), graphite.multiplicity.values, strict=True)
    }
    assert listed[0, 0, 2] == 2
    assert listed[1, 0, 0] == 6
    assert listed[1, 1, 0] == 6
    assert listed[1, 1, 2] == 12
    low = crystal.reflections(triclinic, largest_index=2)
    assert set(low.multiplicity.values.tolist()) == {2}
    assert low.sizes["reflection"] == 124


def test_members_of_a_family_count_where_their_indices_are_not_listed():
    # (110) of a hexagonal crystal is one with (1-20) and (2-10), of larger indices.
    few = crystal.reflections(crystal.structure("graphite"), largest_index=1, unique=True)
    listed = dict(zip(map(tuple, few.hkl.values.tolist()), few.multiplicity.values, strict=True))
    assert listed == {
        (0, 0, 1): 2, (1, 0, 0): 6, (1, 0, 1): 12, (1, 1, 0): 6, (1, 1, 1): 12,
    }  # fmt: skip


def test_members_of_a_family_scatter_alike():
    atoms = crystal.structure("rutile")
    found = crystal.reflections(atoms, limit=1.2)
    size = np.abs(scattering.structure_factors(atoms, found.hkl.values))
    for family in np.unique(found.family.values):
        members = size[found.family.values == family]
        assert len(members) == found.multiplicity.values[found.family.values == family][0]
        np.testing.assert_allclose(members, members[0], atol=1e-9)


def test_all_reflections_within_the_limit_are_listed(triclinic):
    found = crystal.reflections(triclinic, limit=1.0)
    every = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 3, indexing="ij"), -1).reshape(-1, 3)
    length = np.linalg.norm(crystal.g_vectors(triclinic, every), axis=1)
    assert found.sizes["reflection"] == ((length <= 1.0) & (length > 0)).sum()
    np.testing.assert_allclose(found.length, np.linalg.norm(found.g, axis=1))
    assert found.d_spacing.attrs["units"] == "Å"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give `limit` in 1/Å or `largest_index`"),
        ({"limit": -1.0}, "a positive length in 1/Å"),
        ({"limit": 500.0}, "lower the limit"),
        ({"largest_index": 0}, "must be 1 or more"),
    ],
)
def test_reflections_without_an_end_are_refused(silicon, options, message):
    with pytest.raises(DataError, match=message):
        crystal.reflections(silicon, **options)


def test_an_orientation_puts_the_zone_along_z_and_a_plane_up(triclinic):
    for zone, plane in [((0, 0, 1), (1, 0, 0)), ((1, 1, 0), (0, 0, 1)), ((2, -1, 3), (1, 2, 0))]:
        turn = crystal.orientation_matrix(triclinic, zone, up=plane)
        seen = turn @ (np.asarray(zone) @ triclinic.cell.array)
        np.testing.assert_allclose(seen, [0, 0, np.linalg.norm(seen)], atol=1e-12)
        g = turn @ crystal.g_vectors(triclinic, plane)
        assert g[0] == pytest.approx(0.0, abs=1e-12)
        assert g[1] > 0.0
        assert np.linalg.det(turn) == pytest.approx(1.0)
        right = turn @ crystal.g_vectors(triclinic, plane)
        turned = crystal.orientation_matrix(triclinic, zone, right=plane)
        sideways = turned @ crystal.g_vectors(triclinic, plane)
        assert sideways[0] == pytest.approx(right[1])
        assert sideways[1] == pytest.approx(0.0, abs=1e-12)


def test_the_first_vector_points_right_unless_told_otherwise(silicon):
    np.testing.assert_allclose(
        crystal.orientation_matrix(silicon, (0, 0, 1)), np.eye(3), atol=1e-12
    )


def test_the_first_vector_of_a_hexagonal_cell_points_right():
    graphite = crystal.structure("graphite")
    turn = crystal.orientation_matrix(graphite, (0, 0, 1))
    np.testing.assert_allclose(turn @ graphite.cell.array[0], [2.464, 0, 0], atol=1e-12)


def test_stage_tilts_bring_the_zone_to_the_source(silicon):
    now = crystal.orientation_matrix(silicon, (0, 0, 1))
    assert crystal.stage_tilts(silicon, now, (0, 0, 1)) == (0.0, 0.0)
    # [011] is 45 degrees towards +y: a right-handed turn about x by +45 brings it back to z.
    alpha, beta = crystal.stage_tilts(silicon, now, (0, 1, 1))
    assert (alpha, beta) == pytest.approx((45.0, 0.0))
    assert crystal.stage_tilts(silicon, now, (1, 0, 1)) == pytest.approx((0.0, -45.0))
    for zone in [(1, 2, 4), (-1, 3, 5), (2, 1, 3)]:
        alpha, beta = crystal.stage_tilts(silicon, now, zone, alpha=7.0, beta=-11.0)
        before = crystal.stage_rotation(7.0, -11.0)
        sample = before.T @ now @ (np.array(zone) / np.linalg.norm(zone))
        np.testing.assert_allclose(
            crystal.stage_rotation(alpha, beta) @ sample, [0, 0, 1], atol=1e-12
        )


def test_zones_out_of_reach_and_matrices_that_mirror_are_refused(silicon):
    now = crystal.orientation_matrix(silicon, (0, 0, 1))
    with pytest.raises(DataError, match="points away from the source"):
        crystal.stage_tilts(silicon, now, (0, 1, -3))
    with pytest.raises(DataError, match="mirrors as well"):
        crystal.stage_tilts(silicon, -now, (0, 0, 1))
    with pytest.raises(DataError, match="3 by 3 matrix of perpendicular"):
        crystal.find_zone_axes(silicon, np.ones((3, 3)))
    with pytest.raises(DataError, match="has no side in view"):
        crystal.orientation_matrix(silicon, (0, 0, 1), up=(0, 0, 2))
    with pytest.raises(DataError, match="not both"):
        crystal.orientation_matrix(silicon, (0, 0, 1), up=(1, 0, 0), right=(0, 1, 0))
    with pytest.raises(DataError, match="not all zero"):
        crystal.orientation_matrix(silicon, (0, 0, 0))
    with pytest.raises(DataError, match="an angle of less than 90"):
        crystal.find_zone_axes(silicon, now, within=120.0)


def test_the_nearest_zone_axis_is_found_with_its_tilts(silicon):
    now = crystal.stage_rotation(3.0, -2.0) @ crystal.orientation_matrix(silicon, (0, 1, 1))
    found = crystal.find_zone_axes(silicon, now, within=20.0)
    assert found.uvw.values[0].tolist() == [0, 1, 1]
    exact = np.rad2deg(np.arccos(np.cos(np.deg2rad(3)) * np.cos(np.deg2rad(2))))
    assert float(found.angle[0]) == pytest.approx(exact)
    assert np.all(np.diff(found.angle) >= -1e-9)
    for row in range(3):
        seen = now @ (found.uvw.values[row] @ silicon.cell.array)
        turned = crystal.stage_rotation(float(found.alpha[row]), float(found.beta[row])) @ seen
        np.testing.assert_allclose(turned[:2], 0.0, atol=1e-9)
