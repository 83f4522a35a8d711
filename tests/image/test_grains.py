"""Grains drawn with known shapes are measured to what geometry says."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.model import DataError

FIND, MEASURE = om.image.find_grains, om.image.measure_grains


def only(table):
    return {name: float(table[name][0]) for name in table.data_vars if "grain" in table[name].dims}


def test_a_rectangle_has_the_measures_of_a_rectangle(image_of):
    drawn = np.zeros((40, 90))
    drawn[10:22, 20:60] = 3.0  # 24 nm by 20 nm
    image = image_of(drawn)
    found = only(MEASURE(image, FIND(image, threshold=1.0)))
    expected = {
        "pixels": 480, "area": 480.0, "y": 100 + 2 * 15.5, "x": -30 + 0.5 * 39.5,
        "feret_min": 20.0, "feret_min_angle": 0.0, "feret_max": np.hypot(24, 20),
        "inscribed_radius": 10.0, "inscribed_x": -30 + 0.5 * 39.5,
        "circumscribed_radius": np.hypot(24, 20) / 2,
        "circumscribed_y": 131.0, "circumscribed_x": -10.25,
        "major_axis": 4 * 24 / np.sqrt(12), "minor_axis": 4 * 20 / np.sqrt(12), "orientation": 90.0,
        "aspect_ratio": 1.2, "equivalent_radius": np.sqrt(480 / np.pi), "touches_edge": 0.0,
        "height_min": 3.0, "height_max": 3.0, "height_mean": 3.0, "height_median": 3.0,
        "height_rms": 0.0, "volume_zero": 1440.0, "volume_min": 0.0, "volume_laplace": 1440.0,
        "boundary_min": 3.0, "boundary_max": 3.0,
    }  # fmt: skip
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=2e-3), name
    assert found["perimeter"] == pytest.approx(88.0, rel=0.06)


@pytest.mark.parametrize(("dy", "dx"), [(1.0, 1.0), (0.5, 1.0), (1.0, 0.4)])
def test_discs_have_the_measures_of_a_disc(image_of, dy, dx):
    blank = image_of(np.zeros((round(100 / dy), round(110 / dx))), dy, dx)
    disc = (np.hypot(blank["y"] - 150.2, blank["x"] - 21.3) < 30.0) * 1.0
    found = only(MEASURE(disc.assign_attrs(units="nm"), disc.astype(int)))
    assert found["area"] == pytest.approx(np.pi * 900, rel=4e-3)
    assert found["perimeter"] == pytest.approx(60 * np.pi, rel=0.01)
    assert found["circularity"] == pytest.approx(1.0, abs=0.02)
    for name in ("major_axis", "minor_axis"):
        assert found[name] == pytest.approx(60.0, rel=5e-3), name
    # The outline of pixels lies half a pixel's diagonal around the circle.
    off = np.hypot(dy, dx)
    for name in ("feret_min", "feret_max"):
        assert found[name] == pytest.approx(60.0, abs=1.5 * off), name
    assert 30.0 - off < found["inscribed_radius"] <= 30.0
    assert 30.0 - off < found["circumscribed_radius"] < 30.0 + off
    for disc_of in ("", "inscribed_", "circumscribed_"):
        assert found[f"{disc_of}y"] == pytest.approx(150.2, abs=off), disc_of
        assert found[f"{disc_of}x"] == pytest.approx(21.3, abs=off), disc_of


@pytest.mark.parametrize("angle", [20.0, 75.0, 130.0])
def test_a_turned_bar_points_where_it_was_turned(image_of, angle):
    blank = image_of(np.zeros((160, 150)), 1.0, 1.0)
    y, x = blank["y"] - 180.0, blank["x"] - 45.0
    turn = np.deg2rad(angle)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    bar = ((abs(along) < 50) & (abs(across) < 10)).transpose("y", "x") * 1.0
    found = only(MEASURE(bar.assign_attrs(units="nm"), bar))
    assert found["orientation"] == pytest.approx(angle, abs=0.5)
    assert found["feret_min_angle"] == pytest.approx((angle + 90) % 180, abs=2)
    assert found["feret_min"] == pytest.approx(20.0, abs=1.5)
    assert found["feret_max"] == pytest.approx(np.hypot(100, 20), abs=1.5)
    assert found["area"] == pytest.approx(2000.0, rel=0.01)
    assert found["perimeter"] == pytest.approx(240.0, rel=0.03)
    assert found["inscribed_radius"] == pytest.approx(10.0, abs=0.8)


def test_caps_of_spheres_have_their_volumes_and_surfaces(image_of):
    caps = om.simulate.grainy_surface(
        (400, 500), extent=(400.0, 500.0), count=5, radius=(20.0, 40.0), height=12.0, noise=0.0
    )
    truth = caps.attrs["metadata"]["truth"]
    table = MEASURE(caps, FIND(caps, threshold=0.0))
    order = np.argmin(
        np.hypot(table["y"].values[:, None] - truth["y"], table["x"].values[:, None] - truth["x"]),
        axis=0,
    )
    for row, radius, y, x in zip(order, truth["radius"], truth["y"], truth["x"], strict=True):
        grain = table.isel(grain=row)
        assert float(grain["area"]) == pytest.approx(np.pi * radius**2, rel=0.01)
        assert float(grain["surface_area"]) == pytest.approx(np.pi * (radius**2 + 144), rel=0.03)
        volume = np.pi * 12 * (3 * radius**2 + 144) / 6
        assert float(grain["volume_zero"]) == pytest.approx(volume, rel=1e-3)
        assert float(grain["volume_laplace"]) == pytest.approx(volume, rel=1e-3)
        assert (float(grain["y"]), float(grain["x"])) == pytest.approx((y, x), abs=0.1)
        assert float(grain["inclination"]) == pytest.approx(0.0, abs=0.3)
        assert float(grain["height_max"]) == pytest.approx(12.0, abs=0.05)


def test_slopes_and_curvatures_of_grains_are_those_of_their_surfaces(image_of):
    blank = image_of(np.zeros((40, 120)), 2.0, 0.5)
    y, x = blank["y"] - 140.0, blank["x"]
    ball = (np.hypot(y, x) < 20).astype(int)
    tilted = (blank + 0.3 * y - 0.4 * x).assign_attrs(blank.attrs)
    found = only(MEASURE(tilted, ball))
    assert (found["slope_y"], found["slope_x"]) == pytest.approx((0.3, -0.4))
    assert found["inclination"] == pytest.approx(np.degrees(np.arctan(0.5)))
    assert found["azimuth"] == pytest.approx(np.degrees(np.arctan2(0.3, -0.4)))
    assert found["surface_area"] == pytest.approx(found["area"] * np.sqrt(1.25))
    assert found["volume_laplace"] == pytest.approx(0.0, abs=1e-6)
    hill = (blank - 0.02 * y**2 / 2 - 0.05 * x**2 / 2 + 0.01 * x * y).assign_attrs(blank.attrs)
    found = only(MEASURE(hill.transpose("y", "x"), ball))
    expected = np.linalg.eigvalsh([[0.02, -0.01], [-0.01, 0.05]])
    assert (found["curvature_min"], found["curvature_max"]) == pytest.approx(tuple(expected))


def test_grains_are_parted_numbered_and_chosen(image_of):
    drawn = np.zeros((40, 60))
    drawn[20:30, 2:12] = drawn[5:10, 30:40] = drawn[35:, 50:] = 1.0
    image = image_of(drawn, 1.0, 1.0)
    grains = FIND(image)
    assert [int(grains[7, 35]), int(grains[25, 5]), int(grains[37, 55])] == [1, 2, 3]
    assert int(om.image.select_grains(grains, remove_border=True).max()) == 2
    assert int(FIND(image, min_area=60.0).max()) == 1
    assert int(FIND(image, max_area=60.0).max()) == 2
    assert int(FIND(-image, side="below").max()) == 3
    y, x = image["y"] - 120.0, image["x"]
    pair = np.exp(-(y**2 + (x + 10) ** 2) / 60) + np.exp(-(y**2 + (x - 8) ** 2) / 60)
    pair = pair.transpose("y", "x").assign_attrs(units="nm")
    assert int(FIND(pair, threshold=0.2).max()) == 1
    parted = FIND(pair, "watershed", threshold=0.2)
    assert int(parted.max()) == 2
    assert float(parted.where(parted == 1)["x"].where(parted == 1).max()) == pytest.approx(
        -1, abs=2
    )


def test_numbers_agree_with_scikit_image_where_both_have_them(image_of):
    from skimage.measure import regionprops

    rough = om.simulate.surface(
        (90, 80), extent=(90.0, 80.0), correlation_length=6.0, step_height=0.0
    )
    grains = FIND(rough)
    table = MEASURE(rough, grains)
    widened = 4 / np.sqrt(12)  # pixels are squares here, points there
    for props in regionprops(grains.values, rough.values):
        grain = table.isel(grain=props.label - 1)
        assert float(grain["area"]) == props.area
        assert (float(grain["y"]), float(grain["x"])) == pytest.approx(props.centroid)
        assert float(grain["major_axis"]) == pytest.approx(
            np.hypot(props.axis_major_length, widened)
        )
        assert float(grain["minor_axis"]) == pytest.approx(
            np.hypot(props.axis_minor_length, widened)
        )
        assert float(grain["height_mean"]) == pytest.approx(props.intensity_mean)
        assert float(grain["feret_max"]) >= props.feret_diameter_max - 1e-9


def test_values_that_are_no_lengths_have_no_surface(image_of):
    image = image_of(np.pad(np.ones((5, 5)), 5), units="V")
    table = MEASURE(image, FIND(image))
    assert "surface_area" not in table
    assert "inclination" not in table
    assert table["volume_zero"].attrs["units"] == "V nm^2"
    assert table["slope_x"].attrs["units"] == "V/nm"


def test_an_image_without_grains_has_a_status(image_of):
    image = image_of(np.zeros((2, 8, 9)))
    image[1, 3, 3:6] = 1.0
    table = MEASURE(image, FIND(image))
    assert table["count"].values.tolist() == [0, 1]
    assert table["status"].values.tolist() == [4, 0]
    assert np.isnan(table["area"][0, 0])


def test_wrong_calls_are_refused(image_of):
    image = image_of(np.random.default_rng(0).random((8, 9)))
    grains = FIND(image)
    with pytest.raises(DataError, match="min_area < max_area"):
        FIND(image, min_area=5.0, max_area=2.0)
    with pytest.raises(DataError, match="leaves no point"):
        FIND(image, mask=image > -1)
    with pytest.raises(DataError, match="has 1 points"):
        FIND(image[:1])
    with pytest.raises(DataError, match="other labels"):
        MEASURE(image, grains.assign_coords(x=grains["x"] + 1))
    with pytest.raises(DataError, match="max_grains must be"):
        MEASURE(image, grains, max_grains=0)
