"""Bad pixels, dark and gain, counted electrons and lists of them."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples, simulate
from omniscopy.diffraction import (
    Annulus,
    CentreOfMass,
    Disk,
    Mask,
    RadialProfile,
    Segment,
    bright_field_image,
    correct_detector,
    count_electrons,
    dark_field_image,
    fill_patterns,
    find_dead_pixels,
    find_events,
    make_events,
    mend_pixels,
    radial_profile,
    rebin,
    reduce,
    reduce_events,
    virtual_image,
)
from omniscopy.model import DataError, coordinate

CENTRE = (0.25, -0.4)


@pytest.fixture
def data():
    return samples.diffraction_4d()


@pytest.fixture
def dead(data):
    made = xr.zeros_like(data[0, 0], dtype=bool)
    for place in [(3, 40), (24, 26), (24, 27), (0, 0), (47, 51), (10, 5)]:
        made[place] = True
    return made


def scan(shape=(8, 9), counts=100.0):
    """Patterns of a disc that is moved about, over some diffuse intensity."""
    data = simulate.diffraction_4d(
        (shape[0], shape[1]), deflection=(0.15, 0.12), counts=counts, noise=False
    )
    mean = data.values + 2.0
    values = np.random.default_rng(0).poisson(mean).astype(np.uint16)
    return data.copy(data=values).assign_attrs(data.attrs)


def test_hot_dead_and_stuck_pixels_are_found_and_no_other():
    data = scan()
    bad = [(3, 40), (24, 26), (24, 27), (0, 0), (10, 5)]
    for n, place in enumerate(bad):
        data.values[:, :, *place] = (4000 if n % 2 == 0 else 900) + n
    for place in [(20, 20), (30, 33)]:
        data.values[:, :, *place] = 0
    found = find_dead_pixels(data)
    assert {tuple(each) for each in np.argwhere(found.values).tolist()} == {
        *bad, (20, 20), (30, 33)
    }  # fmt: skip
    assert not find_dead_pixels(scan()).any()


def test_a_dead_row_is_found():
    data = scan()
    data.values[:, :, 22, :] = 0
    found = find_dead_pixels(data)
    assert found[22].all()
    assert int(found.sum()) == found.sizes["kx"]


def test_a_pixel_that_is_always_missing_is_dead():
    data = scan().astype(float)
    data[:, :, 5, 6] = np.nan
    found = find_dead_pixels(data)
    assert np.argwhere(found.values).tolist() == [[5, 6]]


def test_mended_pixels_are_the_mean_of_the_good_ones_around(data, dead):
    mended = mend_pixels(data, dead)
    assert mended.dtype == np.uint16
    kept = ~dead.values
    np.testing.assert_array_equal(mended.values[..., kept], data.values[..., kept])
    near = data.values[..., 2:5, 39:42].astype(float)
    total = near.sum(axis=(2, 3)) - near[..., 1, 1]
    np.testing.assert_array_equal(mended[..., 3, 40], np.rint(total / 8))
    floats = mend_pixels(data.astype(float), dead)
    np.testing.assert_allclose(floats[..., 3, 40], total / 8)
    np.testing.assert_allclose(
        floats[..., 0, 0], (data.values[..., :2, :2].sum(axis=(2, 3)) - data.values[..., 0, 0]) / 3
    )


def test_a_dead_row_is_filled_from_above_and_below(data):
    dead = xr.zeros_like(data[0, 0], dtype=bool)
    dead[20] = True
    mended = mend_pixels(data.astype(float), dead)
    rows = data.values[..., [19, 21], :].astype(float)
    np.testing.assert_allclose(mended[..., 20, 10], rows[..., 9:12].mean(axis=(2, 3)))


def test_dark_and_gain_are_undone(data):
    rng = np.random.default_rng(0)
    truth = data.astype(np.float64)
    response = data[0, 0].copy(data=rng.uniform(0.5, 1.5, (48, 52))).assign_attrs(units="1")
    response /= response.mean()
    dark = data[0, 0].copy(data=rng.uniform(5, 9, (48, 52))).assign_attrs(units="counts")
    raw = (truth * response + dark).assign_attrs(data.attrs)
    found = correct_detector(raw, dark=dark, gain=response * 37.0)
    np.testing.assert_allclose(found, truth, atol=1e-9)
    assert found.dtype == np.float64
    assert correct_detector(data, dark=dark).dtype == np.float32
    nothing = correct_detector(raw, gain=response.where(response > 0.6, 0.0))
    assert int(np.isnan(nothing[0, 0]).sum()) == int((response <= 0.6).sum())


def electrons(rate=0.01, shape=(6, 5, 40, 44), rng=0):
    """Frames of single electrons with a spread of charge, and where they are."""
    drawn = np.random.default_rng(rng)
    truth = np.zeros(shape, dtype=np.uint8)
    frames = drawn.normal(0.0, 1.0, shape)
    for index in np.ndindex(*shape[:2]):
        taken = drawn.permutation(np.arange(0, shape[2] * shape[3], 1))[: int(rate * 1760)]
        for pixel in taken:
            y, x = divmod(int(pixel), shape[3])
            around = truth[index][max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
            if around.any():
                continue
            truth[index][y, x] = 1
            frames[index][y, x] += 60
            if y + 1 < shape[2]:
                frames[index][y + 1, x] += 25
    coords = {
        dim: coordinate(dim, 0.1 * np.arange(size), unit)
        for dim, size, unit in zip(
            ("y", "x", "ky", "kx"), shape, ("nm", "nm", "1/nm", "1/nm"), strict=True
        )
    }
    made = xr.DataArray(frames, coords, dims=("y", "x", "ky", "kx"), attrs={"units": "counts"})
    return made, truth


def test_every_electron_is_counted_once():
    frames, truth = electrons()
    found = count_electrons(frames)
    np.testing.assert_array_equal(found, truth)
    assert found.dtype == np.uint8
    assert found.attrs["units"] == "electrons"
    np.testing.assert_array_equal(count_electrons(frames, threshold=30.0), truth)
    assert not count_electrons(frames, threshold=30.0, most=40.0).any()
    assert not count_electrons(frames * np.nan).any()


def test_of_equal_pixels_one_is_the_electron():
    frames, _ = electrons()
    flat = frames[0, 0] * 0
    flat[10:12, 10:12] = 5.0
    found = count_electrons(flat, threshold=1.0)
    assert np.argwhere(found.values).tolist() == [[10, 10]]


@pytest.mark.parametrize("dead_too", [False, True])
def test_a_list_of_events_gives_what_its_patterns_give(data, dead, dead_too):
    asked = {
        "all": "sum", "mean": "mean", "max": "max", "variance": "variance",
        "com": CentreOfMass(Disk(3.0, centre=CENTRE)), "auto": Disk(2.0),
        "weights": Mask(np.random.default_rng(1).random((48, 52))),
        "profile": RadialProfile(0.5, centre=CENTRE),
    }  # fmt: skip
    pixels = dead if dead_too else None
    made = reduce_events(find_events(data), asked, dead=pixels)
    expected = reduce(data, asked, dead=pixels)
    for name in expected:
        np.testing.assert_allclose(
            made[name].transpose(*expected[name].dims), expected[name], atol=1e-9, err_msg=name
        )
    np.testing.assert_array_equal(made["y"], data["y"])


def test_detectors_follow_the_beam_in_a_list_of_events():
    counts = simulate.diffraction_4d((5, 4), strain=0.0, deflection=(0.2, -0.3))
    counts = counts.astype(np.int64)
    y, x = counts["y"] - counts["y"].mean(), counts["x"] - counts["x"].mean()
    ky, kx = (each.copy(deep=True) for each in xr.broadcast(0.25 + 0.2 * y, -0.4 - 0.3 * x))
    centres = xr.Dataset({"ky": ky, "kx": kx})
    for each in centres.values():
        each.attrs["units"] = "1/nm"
    centres["ky"][0, 0] = np.nan
    pixels = xr.zeros_like(counts[0, 0], dtype=bool)
    pixels[20:23, 25] = True
    asked = {
        "disc": Disk(2.6), "ring": Annulus(2.6, 6.0), "half": Segment(0.0, 2.6, 0.0, 180.0),
        "com": CentreOfMass(Disk(2.6)), "profile": RadialProfile(0.4, outer=4.0),
    }  # fmt: skip
    made = reduce_events(find_events(counts), asked, centres=centres, dead=pixels)
    xr.testing.assert_allclose(made, reduce(counts, asked, centres=centres, dead=pixels))


def test_events_of_a_series_have_patterns_of_their_own(data):
    frames = xr.concat([data, data // 3], "frame").transpose("y", "frame", "x", "ky", "kx")
    made = reduce_events(find_events(frames), ["mean", "max", "sum"])
    expected = reduce(frames, ["mean", "max", "sum"])
    for name in expected:
        np.testing.assert_allclose(made[name].transpose(*expected[name].dims), expected[name])


def test_a_list_of_single_electrons_in_any_order_is_that_of_the_patterns(data):
    events = find_events(data)
    draw = np.random.default_rng(0).permutation(int(events["electrons"].sum()))
    position, pixel = (
        np.repeat(events[name].values, events["electrons"].values)[draw].astype(np.uint32)
        for name in ("position", "pixel")
    )
    for made in (
        make_events(position, pixel, data),
        make_events(np.divmod(position, data.sizes["x"]), np.divmod(pixel, 52), data),
    ):
        for name in ("position", "pixel", "electrons"):
            np.testing.assert_array_equal(made[name], events[name])
    patterns = fill_patterns(made)
    np.testing.assert_array_equal(patterns, data)
    np.testing.assert_array_equal(patterns["kx"], data["kx"])
    # Not joined, as a program may write them, they are the same in all sums.
    loose = make_events([0, 0, 1], [3, 3, 5], data)
    apart = loose.isel(event=[0, 0, 1])
    apart["electrons"][:2] = 1
    asked = ["max", "variance", "mean", "sum"]
    xr.testing.assert_allclose(reduce_events(apart, asked), reduce_events(loose, asked))
    np.testing.assert_array_equal(fill_patterns(apart), fill_patterns(loose))


def test_whole_numbers_are_counts_in_floating_point_too():
    counts = scan()
    made, expected = find_events(counts.astype("float32")), find_events(counts)
    xr.testing.assert_equal(made, expected)
    assert made["electrons"].dtype == np.int64
    for wrong in (0.5, np.nan, np.inf):
        spoilt = counts.astype("float64").copy()
        spoilt[1, 2, 3, 4] = wrong
        with pytest.raises(DataError, match=rf"whole numbers are needed, got {wrong} \(float64\)"):
            find_events(spoilt)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda data: make_events([0, 1], [3], data), "has a position and a pixel"),
        (lambda data: make_events([0.5], [3], data), "a row of whole numbers"),
        (lambda data: make_events([[0]], [3], data), "a row of whole numbers"),
        (lambda data: make_events([10**6, 0], [3, 3], data), "1 of 2 events have a position"),
        (lambda data: make_events([0], ([3], [52]), data), "1 of 1 events have a pixel"),
        (lambda data: make_events([0], ([3], [5], [6]), data), "one for each of"),
        (lambda data: make_events(([0, 1], [0]), [3], data), "as many along each"),
        (lambda data: make_events([0], [3], data, electrons=[-1]), "must not be negative"),
        (lambda data: make_events([0], [3], data[0, 0]), "there is no scan"),
        (lambda data: make_events([0], [3], data.values), "DataArray"),
    ],
)
def test_numbers_that_are_no_events_are_refused(data, call, match):
    with pytest.raises(DataError, match=match):
        call(data)


def test_events_know_what_they_are_of(data):
    events = find_events(data)
    assert int(events["electrons"].sum()) == int(data.sum())
    with pytest.raises(DataError, match="whole numbers"):
        find_events(data + 0.5)
    with pytest.raises(DataError, match="there is no scan"):
        find_events(data[0, 0])
    with pytest.raises(DataError, match="list of events"):
        reduce_events(events.drop_vars("pixel"), ["sum"])
    with pytest.raises(DataError, match="does not say what scan"):
        reduce_events(events.drop_attrs(), ["sum"])
    with pytest.raises(DataError, match="pixel of events must be from 0 to"):
        reduce_events(events.assign(pixel=events["pixel"] + 10**6), ["sum"])


def test_angles_are_brought_to_reciprocal_lengths():
    data = simulate.phase_grating_4d((3, 4), pixels=40)
    radius = 20e-3 / 2.5079e-3
    expected = virtual_image(data, Disk(radius))
    np.testing.assert_allclose(bright_field_image(data), expected)
    np.testing.assert_allclose(bright_field_image(data, 20.0, voltage=200e3), expected)
    whole = reduce(data, ["sum"])["sum"]
    np.testing.assert_allclose(bright_field_image(data) + dark_field_image(data, 20.0), whole)
    angles = data.assign_coords(
        {dim: coordinate(dim, data[dim].values * 2.5079, "mrad") for dim in ("ky", "kx")}
    )
    np.testing.assert_allclose(bright_field_image(angles, 20.0), expected)
    with pytest.raises(DataError, match="voltage is not known"):
        dark_field_image(data.drop_attrs(deep=False), 20.0)
    with pytest.raises(DataError, match="convergence angle is not known"):
        bright_field_image(data.drop_attrs(deep=False))
    bare = data.assign_coords({dim: np.arange(40.0) for dim in ("ky", "kx")})
    with pytest.raises(DataError, match="calibrate them to mrad or 1/nm"):
        dark_field_image(bare, 20.0)


def test_profiles_and_bins_are_those_of_the_one_read_and_of_signal(data):
    profile = radial_profile(data, 0.5, centre=CENTRE)
    expected = reduce(data, [RadialProfile(0.5, centre=CENTRE)])["radial_profile"]
    np.testing.assert_allclose(profile, expected)
    assert profile.attrs["units"] == "counts"
    small = rebin(data, scan=(2, 1), pattern=4)
    assert dict(small.sizes) == {"y": 3, "x": 7, "ky": 12, "kx": 13}
    assert int(small.sum()) == int(data.sum())
    assert float(small["ky"][0]) == pytest.approx(float(data["ky"][:4].mean()))
    with pytest.raises(DataError, match="got 3 factors"):
        rebin(data, scan=(1, 2, 3))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda data, dead: find_dead_pixels(data[0, 0]), "two patterns or more"),
        (lambda data, dead: find_dead_pixels(data, contrast=0.5), "contrast must be above 1"),
        (lambda data, dead: find_dead_pixels(data[..., :3]), "at least 5"),
        (lambda data, dead: mend_pixels(data, dead[:5]), "do not fit to patterns"),
        (lambda data, dead: correct_detector(data), "nothing to correct"),
        (lambda data, dead: correct_detector(data, dark=dead.assign_attrs(units="V")), "in 'V'"),
        (lambda data, dead: correct_detector(data, gain=dead[1:]), "does not fit to patterns"),
        (lambda data, dead: count_electrons(data, threshold=5, most=4), "above the threshold"),
    ],
)
def test_says_what_does_not_fit(data, dead, call, match):
    with pytest.raises(DataError, match=match):
        call(data, dead)
