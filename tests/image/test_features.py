"""Templates and blobs in images."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples
from omniscopy.image import correlate_template, find_blobs, template_match
from omniscopy.image.features.maxima import maxima_of, refined_maximum
from omniscopy.model import DataError, Status


def labelled(values, steps=(0.5, 0.25), start=(10.0, -3.0)):
    values = np.asarray(values, float)
    coords = {
        dim: (dim, first + step * np.arange(size), {"units": "nm"})
        for dim, first, step, size in zip("yx", start, steps, values.shape[-2:], strict=True)
    }
    dims = ("frame", "y", "x")[3 - values.ndim :]
    return xr.DataArray(values, coords, dims, attrs={"units": "V"})


def bumps(*places, shape=(70, 90), sigma=(1.2, 0.6), steps=(0.5, 0.25), start=(10.0, -3.0)):
    """Return Gaussians at (y, x, amplitude, width) in nm."""
    y, x = (first + step * np.arange(size) for first, step, size in zip(start, steps, shape,
                                                                        strict=True))  # fmt: skip
    made = np.zeros(shape)
    for place in places:
        height, width = place[2:] if len(place) == 4 else (1.0, None)
        sy, sx = (width, width) if width else sigma
        made += height * np.exp(
            -0.5 * (((y[:, None] - place[0]) / sy) ** 2 + ((x - place[1]) / sx) ** 2)
        )
    return made


def cross(shape=(9, 12)):
    return labelled(np.random.default_rng(0).random(shape), start=(0.0, 0.0))


def test_a_part_of_the_image_is_found_where_it_is():
    template = cross()
    image = np.random.default_rng(1).random((60, 71))
    image[20:29, 33:45] = 5 - 3 * -template.values
    image[40:49, 5:17] = -template.values
    found = template_match(labelled(image), template, threshold=0.9)
    assert found.sizes["peak"] == 1
    assert float(found["score"][0]) == pytest.approx(1.0)
    assert float(found["y"][0]) == pytest.approx(10.0 + 0.5 * 24, abs=0.1)
    assert float(found["x"][0]) == pytest.approx(-3.0 + 0.25 * (33 + 5.5), abs=0.05)


@pytest.mark.parametrize("away", [(0.0, 0.0), (0.3, -0.4), (-0.45, 0.2)])
def test_parts_of_a_pixel_are_right_where_neither_template_nor_pixels_are_symmetric(away):
    rng = np.random.default_rng(3)
    y, x = 0.5 * np.arange(60)[:, None], 0.2 * np.arange(90)
    off = []
    for _ in range(10):
        blobs = [(*rng.uniform((-5, -5), (35, 23)), *rng.uniform((0.5, 1.2), (2.0, 2.5)))
                 for _ in range(30)]  # fmt: skip

        def scene(y, x, blobs=blobs):
            return sum(h * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 2 / w**2)
                       for cy, cx, h, w in blobs)  # fmt: skip

        template = scene(y + 0.5 * away[0], x + 0.2 * away[1])[20:31, 30:51]
        found = template_match(
            labelled(scene(y, x), (0.5, 0.2), (0.0, 0.0)),
            labelled(template, (0.5, 0.2), (0.0, 0.0)),
        )
        off.append((found["y"][0] / 0.5 - 25 - away[0], found["x"][0] / 0.2 - 40 - away[1]))
    assert np.abs(off).max() < 0.02


def test_the_correlation_is_that_of_the_definition_also_at_edges_and_holes():
    rng = np.random.default_rng(2)
    image, template = rng.random((20, 24)), rng.random((5, 4))
    image[7, 9] = np.nan
    template[0, 0] = np.nan
    found = correlate_template(labelled(image), labelled(template), overlap=0.2).values
    for i, j in ((10, 12), (7, 10), (0, 0), (19, 23), (3, 22)):
        pairs = []
        for a, b in np.ndindex(5, 4):
            y, x = i + a - 2, j + b - 1
            if 0 <= y < 20 and 0 <= x < 24:
                pairs.append((image[y, x], template[a, b]))
        pairs = np.array(pairs)[np.isfinite(pairs).all(axis=1)]
        assert found[i, j] == pytest.approx(np.corrcoef(pairs.T)[0, 1], abs=1e-9)


def test_parts_of_a_pixel_are_found():
    places = [(20.13, 3.37), (33.4, 11.11)]
    image = labelled(bumps(*places))
    template = labelled(bumps((10.0 + 0.5 * 5, -3 + 0.25 * 6), shape=(11, 13)))
    found = template_match(image, template, threshold=0.8)
    got = sorted(zip(found["y"].values, found["x"].values, strict=True))
    np.testing.assert_allclose(got, places, atol=0.02)


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, -45.0])
def test_a_rotated_template_is_found_with_its_angle(angle):
    def bar(turn, shape=(41, 41)):
        y, x = np.mgrid[: shape[0], : shape[1]] - (shape[0] - 1) / 2
        cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        along, across = cosine * x + sine * y, cosine * y - sine * x
        made = np.exp(-0.5 * ((along / 8) ** 2 + (across / 2) ** 2))
        return made + np.exp(-0.5 * (((along - 8) / 2) ** 2 + ((across - 5) / 2) ** 2))

    image = labelled(np.pad(bar(angle), 20), (1.0, 1.0), (0.0, 0.0))
    template = labelled(bar(0.0), (1.0, 1.0), (0.0, 0.0))
    found = template_match(image, template, angles=np.arange(-90.0, 180.0, 15.0), threshold=0.7)
    assert float(found["angle"][0]) == angle
    assert float(found["score"][0]) > 0.98
    assert float(found["y"][0]) == pytest.approx(40.0, abs=0.3)


def test_an_image_of_nothing_matches_nothing_and_is_alone():
    template = cross()
    image = np.random.default_rng(3).random((40, 50))
    image[10:19, 20:32] = template
    stack = labelled(np.stack([image, image * np.nan, np.ones((40, 50))]))
    found = template_match(stack, template, threshold=0.9, max_peaks=3)
    assert found["count"].values.tolist() == [1, 0, 0]
    assert found["status"].values.tolist() == [0, Status.NO_DATA, 0]
    assert np.isnan(found["y"][1:]).all()


def test_maxima_keep_apart_and_the_higher_stays():
    values = np.zeros((20, 20))
    values[5, 5], values[5, 8], values[15, 15] = 3.0, 2.0, 1.0
    places, heights = maxima_of(values, (4.0, 4.0), 0.5)
    assert places.tolist() == [[5, 5], [15, 15]]
    assert heights.tolist() == [3.0, 1.0]
    places, _ = maxima_of(values, (2.0, 2.0), 0.5)
    assert len(places) == 3
    y, x = np.mgrid[:7, :8]
    bowl = 5 - (y - 3.2) ** 2 - 2 * (x - 3.7) ** 2 + 0.3 * (y - 3.2) * (x - 3.7)
    np.testing.assert_allclose(refined_maximum(bowl, np.array([3, 4])), (3.2, 3.7, 5.0))


def test_blobs_are_found_with_their_places_widths_and_heights():
    places = [(20.13, 3.37, 2.0, 1.5), (33.4, 11.11, 1.0, 1.0), (37.0, 4.0, 3.0, 2.0)]
    found = find_blobs(labelled(bumps(*places) + 7.0), sigma_range=(0.5, 4.0))
    assert found.sizes["peak"] == 3
    order = np.argsort(found["y"].values)
    for name, column, tolerance in (("y", 0, 0.03), ("x", 1, 0.03), ("sigma", 3, 0.03),
                                    ("amplitude", 2, 0.06)):  # fmt: skip
        np.testing.assert_allclose(
            found[name].values[order], [each[column] for each in places], atol=tolerance
        )
    np.testing.assert_allclose(found["radius"], np.sqrt(2) * found["sigma"])


def test_dark_blobs_are_bright_ones_upside_down():
    image = labelled(bumps((20.13, 3.37, 2.0, 1.5)))
    dark = find_blobs(-image.assign_attrs(units="V"), polarity="dark")
    bright = find_blobs(image)
    np.testing.assert_allclose(dark["y"], bright["y"])
    np.testing.assert_allclose(dark["amplitude"], bright["amplitude"])
    assert find_blobs(-image).sizes["peak"] == 0 or float(find_blobs(-image)["amplitude"][0]) < 1.0


def test_noise_alone_seldom_has_a_blob():
    rng = np.random.default_rng(4)
    stack = labelled(rng.standard_normal((60, 50, 60)), (1.0, 1.0))
    assert int((find_blobs(stack, max_blobs=5)["count"] > 0).sum()) <= 3


def test_the_reported_spread_is_the_scatter():
    rng = np.random.default_rng(5)
    exact = bumps((20.13, 3.37, 1.0, 1.5), shape=(42, 60))
    stack = labelled(exact + 0.08 * rng.standard_normal((400, 42, 60)))
    found = find_blobs(stack, max_blobs=1, sigma_range=(0.7, 3.0)).isel(peak=0)
    assert float(found["y"].notnull().mean()) == 1.0
    for name, truth in (("y", 20.13), ("x", 3.37), ("sigma", 1.5), ("amplitude", 1.0)):
        scatter = float(found[name].std())
        reported = float((found[f"{name}_std"] ** 2).mean()) ** 0.5
        assert scatter == pytest.approx(reported, rel=0.12), name
        assert float(found[name].mean()) == pytest.approx(truth, abs=0.6 * reported), name


def test_every_column_of_an_image_of_atoms_is_a_blob():
    image = samples.atom_image()
    found = find_blobs(image)
    truth = image.attrs["metadata"]["truth"]
    strong = found.isel(peak=found["amplitude"].values > 140)
    for name, start in (("y", truth["origin"][0]), ("x", truth["origin"][1])):
        off = (strong[name].values - start + 0.195) % 0.39 - 0.195
        inside = (strong["y"] > 0.1) & (strong["y"] < 5.0) & (strong["x"] > 0.1)
        inside &= strong["x"] < 5.0
        assert np.abs(off[inside]).max() < 0.02
    assert strong.sizes["peak"] > 150


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda data: template_match(data, data[:5, :5].assign_coords(y=range(5))), "steps of 1"),
        (lambda data: template_match(data[:20], data), "larger than the image along 'y'"),
        (lambda data: template_match(data, data[:5, :5], threshold=2.0), "threshold must be"),
        (lambda data: template_match(data, data[:5, :5], overlap=0.0), "overlap must be"),
        (lambda data: template_match(data, data[:5, :5], angles=[]), "angles must be"),
        (lambda data: template_match(data, data[:5, :5], max_peaks=0), "max_peaks"),
        (lambda data: find_blobs(data[:4]), "at least 5"),
        (lambda data: find_blobs(data, sigma_range=(2.0, 1.0)), "low <= high"),
        (lambda data: find_blobs(data, sigma_range=(1e-3, 1.0)), "half a pixel"),
        (lambda data: find_blobs(data, polarity="up"), "polarity must be"),
        (lambda data: find_blobs(data, min_part=2.0), "min_part"),
    ],
)
def test_says_what_is_wrong(call, match):
    with pytest.raises(DataError, match=match):
        call(samples.atom_image())


@pytest.mark.parametrize("background", [0.0, 1.0, -3e4])
def test_an_even_image_has_no_blob(background):
    found = find_blobs(labelled(np.full((200, 210), background)))
    assert found.sizes["peak"] == 0
    assert int(found["status"]) == Status.CONVERGED


def test_saturated_discs_are_one_blob_each():
    y, x = np.mgrid[:120, :140]
    values = np.zeros((120, 140))
    for row, column in ((30, 40), (80, 100)):
        values[np.hypot(y - row, x - column) < 9] = 255.0
    found = find_blobs(labelled(values, (1.0, 1.0), (0.0, 0.0)), sigma_range=(4.0, 10.0))
    strong = found.isel(peak=found["amplitude"].values > 100)
    assert sorted(np.round(strong["y"].values)) == [30, 80]
    assert sorted(np.round(strong["x"].values)) == [40, 100]
