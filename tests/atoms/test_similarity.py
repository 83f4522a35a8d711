"""How alike polygons are."""

import numpy as np
import pytest
import xarray as xr

from omniscopy.atoms import find_rings, measure_similarity
from omniscopy.model import DataError
from omniscopy.simulate import atom_positions

KITE = np.array([[0.0, 0.0], [0.2, 1.0], [1.7, 1.3], [1.1, 0.1]])


def table(*polygons, corners=6):
    values = np.full((2, len(polygons), corners), np.nan)
    for number, each in enumerate(polygons):
        values[:, number, : len(each)] = np.transpose(each)
    names = dict(zip(("corner_y", "corner_x"), values, strict=True))
    return xr.Dataset(
        {name: (("ring", "corner"), each, {"units": "nm"}) for name, each in names.items()}
    )


def turned(points, angle):
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return points @ np.array([[c, -s], [s, c]])


def test_a_polygon_that_is_moved_turned_and_larger_is_the_same():
    other = np.roll(turned(2.5 * KITE, 35.0) + 7.0, 1, axis=0)
    found = measure_similarity(table(KITE, other, other[::-1]), 0)
    # To the distance of the places along the outlines.
    assert float(found["difference"].max()) < 6.0
    np.testing.assert_allclose(found["rotation"], [0.0, 35.0, 35.0], atol=1.5)
    assert found["difference"].attrs["units"] == "deg"


def test_a_mirror_image_differs():
    found = measure_similarity(table(KITE, KITE * [1.0, -1.0]), 0)
    assert float(found["difference"][0]) == pytest.approx(0.0, abs=1e-9)
    assert float(found["difference"][1]) > 10.0


def test_a_rectangle_differs_from_a_square_as_its_outline_turns():
    long = np.array([[0.0, 0.0], [0.0, 3.0], [1.0, 3.0], [1.0, 0.0]])
    found = float(measure_similarity(table(long))["difference"][0])
    # Sides of 3/8 and 1/8 against 1/4: a quarter of the outline is 90 degrees off, all one way.
    assert found == pytest.approx(90.0 * np.sqrt(0.25 * 0.75), rel=1e-6)
    square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    assert float(measure_similarity(table(square))["difference"][0]) < 1e-6


def test_hexagons_of_a_sheet_are_regular_and_distorted_ones_are_found():
    positions = atom_positions("honeycomb", spacing=0.142, extent=(2.0, 2.2))
    regular = measure_similarity(find_rings(positions))
    assert float(regular["difference"].max()) < 1.0
    moved = positions.copy(deep=True)
    moved["y"][40] += 0.05
    rings = find_rings(moved)
    distorted = measure_similarity(rings)["difference"]
    touched = (rings["corner_atom"] == 40).any("corner")
    assert float(distorted.where(touched).min()) > 3.0
    assert float(distorted.where(~touched).max()) < 1.0


def test_without_a_polygon_nothing_is_alike_and_wrong_calls_are_refused():
    polygons = table(KITE, KITE[:2])
    assert np.isnan(measure_similarity(polygons)["difference"][1])
    with pytest.raises(DataError, match="from 0 to 1"):
        measure_similarity(polygons, 2)
    with pytest.raises(DataError, match="such as `find_rings`"):
        measure_similarity(xr.Dataset())
