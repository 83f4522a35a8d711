"""Parts of one image are stitched to it."""

import numpy as np
import pytest

from omniscopy import samples
from omniscopy.image import stitch
from omniscopy.model import DataError, Status


def smooth(shape, seed=0):
    from scipy import ndimage

    values = np.random.default_rng(seed).standard_normal(shape)
    return 10 * ndimage.gaussian_filter(values, 3.0)


def test_quarters_make_the_whole(image_of):
    whole = image_of(smooth((60, 80)))
    parts = [
        whole[rows, columns]
        for rows in (slice(0, 35), slice(25, 60)) for columns in (slice(0, 50), slice(40, 80))
    ]  # fmt: skip
    parts[2] = parts[2] + 7.0
    found = stitch([part.assign_attrs(whole.attrs) for part in parts])
    np.testing.assert_allclose(found["merged"], whole, atol=1e-12)
    np.testing.assert_allclose(found["merged"]["y"], whole["y"])
    np.testing.assert_allclose(found["offset"], [0, 0, -7, 0], atol=1e-12)
    assert found["merged"].attrs["units"] == "nm"


def test_wrong_places_are_put_right(image_of):
    whole = image_of(smooth((70, 90)), 2.0, 0.5)
    left, right = whole[:, :60], whole[:, 30:]
    wrong = right.assign_coords(y=right["y"] + 6.0, x=right["x"] - 2.0)
    wrong["y"].attrs, wrong["x"].attrs = whole["y"].attrs, whole["x"].attrs
    found = stitch([left, wrong], search=10.0)
    assert float(found["shift_y"][1]) == pytest.approx(-6.0, abs=0.05)
    assert float(found["shift_x"][1]) == pytest.approx(2.0, abs=0.02)
    inner = found["merged"].sel(x=whole["x"][:85].values, y=whole["y"].values, method="nearest")
    np.testing.assert_allclose(inner, whole[:, :85], atol=0.05)
    assert 0.4 < float(found["overlap"][1]) < 0.6


def test_other_steps_and_units_are_brought_to_the_first(image_of):
    y, x = np.mgrid[:40, :50].astype(float)
    first = image_of(y + 2 * x, 1.0, 1.0, y0=0.0, x0=0.0)
    fine_y, fine_x = np.mgrid[:60, :60] * 0.5
    second = image_of(1e-3 * (fine_y + 2 * (fine_x + 40)), 5e-4, 5e-4, y0=0.0, x0=0.04, units="um",
                      length="um")  # fmt: skip
    found = stitch([first, second], level=False)["merged"]
    known = found.values[:29, :69]
    np.testing.assert_allclose(known, np.add.outer(np.arange(29.0), 2 * np.arange(69.0)), atol=1e-6)


def test_gaps_are_empty_and_images_apart_are_said_to_be(image_of):
    one = image_of(smooth((20, 20)), 1.0, 1.0, y0=0.0, x0=0.0)
    other = image_of(smooth((20, 20), 1), 1.0, 1.0, y0=0.0, x0=30.0)
    found = stitch([one, other], search=2.0)
    assert int(found["status"][1]) == Status.NO_DATA
    assert found["merged"].shape == (20, 50)
    assert found["merged"][:, 21:29].isnull().all()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: stitch([samples.surface()]), "two or more"),
        (lambda: stitch([samples.surface()] * 2, search=-1.0), "at least 0"),
        (lambda: stitch([samples.surface(), samples.surface().assign_attrs(units="V")]),
         "does not convert"),
        (lambda: stitch([samples.surface(), samples.surface().assign_coords(
            x=samples.surface()["x"] + 1e9)]), "does not convert|at most 32768"),
    ],
)  # fmt: skip
def test_says_what_is_wrong(call, match):
    with pytest.raises(DataError, match=match):
        call()
