"""Dopants with their neighbours, and defects against structures that were calculated."""

import numpy as np
import pytest
import xarray as xr

from omniscopy.atoms import find_dopants, fit_structure
from omniscopy.model import DataError

BOND = 0.142


def table(places: np.ndarray, kind: np.ndarray | None = None) -> xr.Dataset:
    made = {name: ("atom", places[:, n], {"units": "nm"}) for n, name in enumerate("yx")}
    if kind is not None:
        made["kind"] = ("atom", kind, {"units": "1"})
    return xr.Dataset(made)


def graphene(cells: int = 8) -> np.ndarray:
    a, b = np.array([0.0, np.sqrt(3)]), np.array([1.5, np.sqrt(3) / 2])
    n = np.arange(cells)
    origin = n[:, None, None] * a + n[None, :, None] * b
    return BOND * np.concatenate([origin, origin + np.array([0.5, np.sqrt(3) / 2])], 0).reshape(
        -1, 2
    )


def nearest(places: np.ndarray, at) -> int:
    return int(np.hypot(*(places - at).T).argmin())


def test_one_dopant_of_graphene_has_three_neighbours_at_120_degrees():
    places = graphene()
    kind = np.zeros(len(places), int)
    middle = nearest(places, places.mean(0))
    kind[middle] = 1
    found = find_dopants(table(places, kind))
    assert int(found["count"]) == 1
    assert (int(found["dopants"][0]), int(found["neighbours"][0])) == (1, 3)
    assert float(found["bond_length"][0]) == pytest.approx(BOND)
    assert float(found["bond_angle"][0]) == pytest.approx(120.0)
    assert float(found["bond_angle_std"][0]) == pytest.approx(0.0, abs=1e-6)
    assert int(found["distorted"][0]) == 0
    np.testing.assert_allclose([found["y"][0], found["x"][0]], places[middle])
    members = np.flatnonzero(found["member"].values == 0)
    assert middle in members
    assert len(members) == 4


def test_neighbouring_dopants_are_one_defect_and_others_are_another():
    places = graphene()
    kind = np.zeros(len(places), int)
    pair = nearest(places, places.mean(0))
    other = nearest(np.where(np.arange(len(places))[:, None] == pair, 9.0, places), places[pair])
    alone = nearest(places, places.mean(0) + np.array([-0.45, -0.5]))
    kind[[pair, other]], kind[alone] = 1, 2
    found = find_dopants(table(places, kind))
    # From the top down; two bonded silicon atoms in graphene share no neighbour: Si2C4.
    assert found["dopants"].values.tolist() == [1, 2]
    assert found["neighbours"].values.tolist() == [3, 4]
    assert found["member"].values[[alone, pair, other]].tolist() == [0, 1, 1]


def test_a_dopant_over_a_double_vacancy_has_four_neighbours_and_right_angles():
    places = graphene()
    pair = nearest(places, places.mean(0))
    other = nearest(np.where(np.arange(len(places))[:, None] == pair, 9.0, places), places[pair])
    middle = places[[pair, other]].mean(0)
    places = np.concatenate([np.delete(places, [pair, other], axis=0), middle[None]])
    kind = np.zeros(len(places), int)
    kind[-1] = 1
    found = find_dopants(table(places, kind), max_length=0.21)
    assert (int(found["dopants"][0]), int(found["neighbours"][0])) == (1, 4)
    assert float(found["bond_angle"][0]) == pytest.approx(90.0)
    # It is off by half a bond along it: 1.32 bonds from each.
    assert float(found["bond_length"][0]) == pytest.approx(BOND * np.sqrt(0.75 + 1.0), rel=1e-6)
    fewer = find_dopants(table(places, kind), max_length=0.3, max_bonds=2)
    assert int(fewer["neighbours"][0]) == 2


def test_distorted_defects_are_named_so():
    places = graphene()
    middle = nearest(places, places.mean(0))
    kind = np.zeros(len(places), int)
    kind[middle] = 1
    moved = places.copy()
    moved[middle] += np.array([0.035, 0.02])
    assert int(find_dopants(table(moved, kind))["distorted"][0]) == 1


def test_without_dopants_there_is_nothing():
    places = graphene(3)
    found = find_dopants(table(places, np.zeros(len(places))))
    assert found.sizes["defect"] == 0
    assert (found["member"] == -1).all()
    alone = find_dopants(table(places[:1], np.ones(1)))
    assert (int(alone["dopants"][0]), int(alone["neighbours"][0])) == (1, 0)
    assert np.isnan(alone["bond_length"][0])


def cluster() -> tuple[np.ndarray, np.ndarray]:
    """Return a shape without symmetry, and kinds."""
    places = np.array([[0, 0], [0, 1.0], [0.9, -0.6], [-0.8, -0.5], [1.7, 0.2], [-0.4, 1.9]])
    return 0.15 * places, np.array([1, 0, 0, 0, 0, 1])


@pytest.mark.parametrize("turn", [0.0, 25.0, 140.0, -80.0])
@pytest.mark.parametrize("flip", [False, True])
def test_strain_against_a_reference_is_what_was_put_in(turn, flip):
    places, kind = cluster()
    strain = np.array([[0.03, 0.01], [0.01, -0.02]])
    angle = np.radians(turn)
    # From +x towards +y, of (y, x).
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    shape = places * (1.0, -1.0) if flip else places
    seen = shape @ (np.eye(2) + strain) @ rotation.T + np.array([3.0, 7.0])
    order = np.random.default_rng(0).permutation(len(seen))
    for kinds in (kind, None):
        found = fit_structure(
            table(seen[order], None if kinds is None else kinds[order]), table(places, kinds)
        )
        assert int(found["mirrored"]) == flip
        assert int(found["status"]) == 0
        assert float(found["rotation"]) == pytest.approx(turn, abs=1e-6)
        for name, value in (("yy", 0.03), ("xx", -0.02), ("xy", 0.01)):
            assert float(found[f"strain_{name}"]) == pytest.approx(value, abs=1e-9)
        assert float(found["residual"]) == pytest.approx(0.0, abs=1e-9)
        np.testing.assert_array_equal(found["partner"].values, order)


def test_atoms_that_are_missing_or_too_many_have_no_partner():
    places, _ = cluster()
    more = np.concatenate([places, [[2.0, 2.0]]])
    found = fit_structure(table(more), table(places))
    assert int(found["partners"]) == 6
    assert sorted(found["partner"].values.tolist()) == [-1, 0, 1, 2, 3, 4, 5]


def test_lines_and_pairs_have_no_strain():
    line = np.stack([np.arange(4.0), np.zeros(4)], axis=1)
    assert int(fit_structure(table(line), table(line))["status"]) == 2
    assert int(fit_structure(table(line[:2]), table(line))["status"]) == 2
    nothing = table(np.full((3, 2), np.nan))
    assert int(fit_structure(nothing, table(line))["status"]) == 4


def test_wrong_calls_are_refused():
    places, kind = cluster()
    with pytest.raises(DataError, match="must have the variables"):
        find_dopants(table(places))
    with pytest.raises(DataError, match="max_bonds must be at least 1"):
        find_dopants(table(places, kind), max_bonds=0)
    other = table(places)
    for name in "yx":
        other[name].attrs["units"] = "pm"
    with pytest.raises(DataError, match="give both the same units"):
        fit_structure(table(places), other)
    many = table(np.random.default_rng(0).uniform(size=(501, 2)))
    with pytest.raises(DataError, match="at most 500 atoms"):
        fit_structure(many, table(places))
