"""Hills and dales of surfaces whose peaks are known."""

import numpy as np
import pytest

from omniscopy import simulate
from omniscopy.image import measure_hills
from omniscopy.image.roughness.hills import hills_of
from omniscopy.model import DataError


def waves(shape=(60, 80), periods=(3, 4), amplitude=2.0):
    """Egg box: as many peaks as pits, all of one height but for a small tilt."""
    y, x = np.meshgrid(*((np.arange(n) + 0.5) / n for n in shape), indexing="ij")
    return amplitude * np.sin(2 * np.pi * periods[0] * y) * np.sin(2 * np.pi * periods[1] * x)


def plainly(values, least):
    """Join hills from the top down, with dictionaries and sets."""
    owner, top = {}, {}
    for place in sorted(np.ndindex(*values.shape), key=lambda p: -values[p]):
        near = [
            (place[0] + i, place[1] + j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)
        ]
        near = [p for p in near if p in owner]
        if not near:
            owner[place] = place
            top[place] = {place}
            continue
        own = owner[max(near, key=lambda p: values[p])]
        for p in near:
            other = owner[p]
            if other == own:
                continue
            high, low = sorted((own, other), key=lambda t: -values[t])
            if values[low] - values[place] < least:
                for member in top.pop(low):
                    owner[member] = high
                    top[high].add(member)
                own = high
        owner[place] = own
        top[own].add(place)
    found = np.empty(values.shape, dtype=int)
    for place, its in owner.items():
        found[place] = np.ravel_multi_index(its, values.shape)
    return found


@pytest.mark.parametrize("least", [0.0, 0.5, 2.0])
def test_hills_are_those_of_a_plain_program(least):
    values = np.random.default_rng(0).standard_normal((14, 17))
    np.testing.assert_array_equal(hills_of(values, least), plainly(values, least))


def test_an_egg_box_has_its_peaks_and_pits(image_of):
    found = measure_hills(image_of(waves(), 1.0, 0.5), pruning=10.0)
    assert int(found["peaks"]) == int(found["pits"]) == 24
    area = 60 * 1.0 * 80 * 0.5
    assert float(found["spd"]) == pytest.approx(24 / area)
    assert float(found["s10z"]) == pytest.approx(4.0, rel=0.03)
    assert float(found["s5v"]) == pytest.approx(2.0, rel=0.03)
    # Half of the sum of the second derivatives at a peak.
    bend = 2.0 * 0.5 * ((2 * np.pi * 3 / 60) ** 2 + (2 * np.pi * 4 / 40) ** 2)
    assert float(found["spc"]) == pytest.approx(bend, rel=0.05)
    assert float(found["svc"]) == pytest.approx(bend, rel=0.05)
    assert found["spc"].attrs["units"] == "1/nm"


def test_noise_makes_no_peaks_unless_it_is_not_pruned(image_of):
    noisy = waves() + 0.02 * np.random.default_rng(1).standard_normal((60, 80))
    assert int(measure_hills(image_of(noisy), pruning=15.0)["peaks"]) == 24
    assert int(measure_hills(image_of(noisy), pruning=0.0)["peaks"]) > 24


def test_cones_have_their_areas_and_volumes(image_of):
    y, x = np.mgrid[:61, :91].astype(float)
    cone = [np.maximum(12.0 - np.hypot(y - 30, x - cx), 0.0) for cx in (22, 66)]
    # Hills that meet in a valley of height 0 share the plane between them.
    data = image_of(np.maximum(*cone), 1.0, 1.0)
    owner = hills_of(data.values, 1.0)
    assert len(np.unique(owner)) == 2
    assert float(measure_hills(data, pruning=20.0)["s5p"]) == pytest.approx(
        12.0 - float(data.mean())
    )


def test_hills_of_five_and_more_count_the_highest_only(image_of):
    y, x = np.mgrid[:20, :200].astype(float)
    heights = np.arange(4.0, 14.0)
    values = np.zeros(y.shape)
    for number, height in enumerate(heights):
        values = np.maximum(
            values, height * np.exp(-((y - 10) ** 2 + (x - 10 - 20 * number) ** 2) / 18)
        )
    found = measure_hills(image_of(values, 1.0, 1.0))
    assert int(found["peaks"]) == 10
    assert float(found["s5p"]) == pytest.approx(heights[-5:].mean() - values.mean(), rel=1e-3)


def test_closed_hills_have_their_area(image_of):
    found = measure_hills(image_of(waves((90, 90), (4, 4)) + 10.0, 1.0, 1.0))
    # Watersheds of inner cells: squares of half a period along both, turned by their corners.
    assert float(found["sha"]) == pytest.approx(2 * (90 / 8) ** 2, rel=0.25)
    assert float(found["shv"]) > 0


@pytest.mark.parametrize("values", [np.zeros((6, 7)), np.full((6, 7), np.nan)])
def test_a_level_or_missing_surface_has_none(image_of, values):
    found = measure_hills(image_of(values))
    assert int(found["peaks"]) == int(found["pits"]) == 0
    assert np.isnan(found["s10z"])


def test_missing_points_belong_to_no_hill(image_of):
    values = waves()
    values[20] = np.nan
    found = measure_hills(image_of(values))
    assert np.isfinite(found["s10z"])
    assert int(found["peaks"]) >= 24


def test_refuses_to_prune_everything():
    with pytest.raises(DataError, match="pruning must be from 0 to below 100"):
        measure_hills(simulate.surface(), pruning=100.0)
