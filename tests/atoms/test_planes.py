"""Planes of atoms along lattice directions."""

import numpy as np
import pytest
import xarray as xr

from omniscopy.atoms import find_planes
from omniscopy.model import DataError
from omniscopy.simulate import atom_positions, crystal_lattice


def table(points):
    columns = {"y": points[:, 0], "x": points[:, 1]}
    return xr.Dataset({name: ("atom", each, {"units": "nm"}) for name, each in columns.items()})


def sites(a, b, shape=(9, 12)):
    i, j = (each.ravel() for each in np.indices(shape))
    return j[:, None] * np.array(a) + i[:, None] * np.array(b) + 3.0, i, j


def lattice_of(a, b):
    values = {"a_y": a[0], "a_x": a[1], "b_y": b[0], "b_x": b[1]}
    return xr.Dataset({name: ((), each, {"units": "nm"}) for name, each in values.items()})


def test_planes_of_an_oblique_lattice_have_its_spacings_and_angles():
    a, b = (0.05, 0.4), (0.3, -0.1)
    points, i, j = sites(a, b)
    area = abs(a[0] * b[1] - a[1] * b[0])
    for direction in ((1, 0), (0, 1), (1, 1), (1, -1)):
        found = find_planes(table(points), lattice_of(a, b), direction=direction)
        along = direction[0] * np.array(a) + direction[1] * np.array(b)
        length = np.hypot(*along)
        np.testing.assert_allclose(found["mean_period"], length, rtol=1e-9)
        np.testing.assert_allclose(found["mean_spacing"].dropna("plane"), area / length, rtol=1e-9)
        angle = (np.degrees(np.arctan2(*along)) + 90) % 180 - 90
        np.testing.assert_allclose(found["angle"], angle, atol=1e-9)
        np.testing.assert_allclose(found["deviation"], 0.0, atol=1e-12)
        # All atoms of a plane have one number, and planes have different ones.
        line = i * direction[0] - j * direction[1]
        number = found["plane_index"].values
        assert len({*zip(line[number >= 0], number[number >= 0], strict=True)}) == number.max() + 1
        normal = np.array([along[1], -along[0]])
        middle = np.stack([found["y"], found["x"]], axis=-1) @ normal
        assert (np.diff(middle) > 0).all()
    assert found["mean_spacing"].attrs["units"] == "nm"
    assert found["angle"].attrs["units"] == "deg"


def test_planes_bend_with_the_lattice_and_go_on_behind_missing_atoms():
    points, i, j = sites((0.0, 0.4), (0.4, 0.0), (12, 20))
    points[:, 0] += 0.5 * np.sin(points[:, 1] / 3.0)  # more than a spacing from end to end
    kept = ~((i == 5) & np.isin(j, [7, 8])) & ~((i == 3) & (j == 2))
    found = find_planes(table(points[kept]), lattice_of((0.0, 0.4), (0.4, 0.0)))
    np.testing.assert_array_equal(found["plane_index"], i[kept])
    assert int(found["size"][5]) == 18
    assert float(found["period"].max()) < 0.5
    assert float(found["deviation"].min()) > 0.02


def test_scatter_and_standard_deviations_of_distances_are_those_of_the_noise():
    rng = np.random.default_rng(4)
    points, _, _ = sites((0.0, 0.4), (0.35, 0.0), (60, 60))
    found = find_planes(
        table(points + rng.normal(0, 0.004, points.shape)), lattice_of((0.0, 0.4), (0.35, 0.0))
    )
    assert float(found["period_scatter"].mean()) == pytest.approx(0.004 * np.sqrt(2), rel=0.05)
    # Between two atoms on both sides it is interpolated: near one of them, or between both.
    assert 0.004 < float(found["spacing_scatter"].mean()) < 0.004 * np.sqrt(2) * 1.05
    means = found["mean_spacing"].dropna("plane")
    std = found["mean_spacing_std"].dropna("plane")
    assert float(abs(means - 0.35).max()) < 5 * float(std.mean())


def test_sublattices_between_planes_make_planes_of_their_own():
    # Of a perovskite with 0.4 nm between its corners, and another atom in the middle.
    positions, lattice = atom_positions(extent=(2.6, 3.0)), crystal_lattice()
    along = find_planes(positions, lattice, direction=(1, 0))
    np.testing.assert_allclose(along["mean_period"], 0.4, rtol=0.01)
    np.testing.assert_allclose(along["mean_spacing"].dropna("plane"), 0.2, rtol=0.02)
    across = find_planes(positions, lattice, direction=(1, 1)).isel(plane=slice(1, -1))
    np.testing.assert_allclose(across["mean_period"], 0.4 / np.sqrt(2), rtol=0.02)
    np.testing.assert_allclose(across["mean_spacing"].dropna("plane"), 0.4 / np.sqrt(2), rtol=0.02)


def test_directions_with_a_common_factor_and_other_units_are_refused():
    points, _, _ = sites((0.0, 0.4), (0.4, 0.0))
    lattice = lattice_of((0.0, 0.4), (0.4, 0.0))
    for direction in ((2, 0), (0, 0), (2, -2)):
        with pytest.raises(DataError, match="without a common factor"):
            find_planes(table(points), lattice, direction=direction)
    with pytest.raises(DataError, match="lattice must be a Dataset"):
        find_planes(table(points), xr.Dataset())


def test_of_atoms_without_a_position_or_a_lattice_there_are_no_planes():
    points, _, _ = sites((0.0, 0.4), (0.4, 0.0))
    points[3] = np.nan
    found = find_planes(table(points), lattice_of((0.0, 0.4), (0.4, 0.0)))
    assert int(found["plane_index"][3]) == -1
    assert int(found["count"]) == 9
    nothing = find_planes(table(points), lattice_of((0.0, np.nan), (0.4, 0.0)))
    assert (nothing["plane_index"] == -1).all()
