"""Drift and jitter while images are scanned."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import simulate
from omniscopy.image import correct_row_jitter, correct_scan_drift
from omniscopy.model import DataError, Status, coordinate


def misfit(found, scans):
    truth = scans.attrs["metadata"]["truth"]
    return [
        float(np.sqrt(((found[name] - truth[name]) ** 2).mean())) for name in ("drift_y", "drift_x")
    ]


@pytest.mark.parametrize("angles", [(0.0, 90.0), (0.0, 90.0, 180.0), (20.0, 155.0)])
def test_a_linear_drift_is_found_from_two_directions(angles):
    scans = simulate.drifting_scans(angles, jitter=0.0)
    found = correct_scan_drift(scans, angles, method="linear")
    assert float(found["drift_rate_y"]) == pytest.approx(1.4, abs=0.1)
    assert float(found["drift_rate_x"]) == pytest.approx(-1.0, abs=0.1)
    # A twentieth of a pixel.
    assert max(misfit(found, scans)) < 0.05
    assert found["drift_y"].attrs["units"] == "nm"


@pytest.mark.parametrize("angles", [(0.0, 90.0), (0.0, 180.0), (0.0, 45.0)])
def test_a_linear_drift_of_what_reaches_beyond_the_field_of_view_is_found(angles):
    # Large blobs, with which a correlation prefers that empty edges lie on each other.
    rng, size, rate = np.random.default_rng(1), 96, np.array([1.3, -0.9])
    blobs = np.column_stack([
        rng.uniform(0.5, 2, 120), rng.uniform(-4, 24, (120, 2)), rng.uniform(0.6, 1.2, 120)
    ])  # fmt: skip
    away = 0.2 * (np.arange(size) - (size - 1) / 2)
    slow, fast = np.meshgrid(away, away, indexing="ij")
    frames = []
    for turn in np.radians(angles):
        x = fast * np.cos(turn) - slow * np.sin(turn) + 9.5
        y = fast * np.sin(turn) + slow * np.cos(turn) + 9.5
        moved = [rate[n] * slow / (size * 0.2) for n in (0, 1)]
        frames.append(sum(
            height * np.exp(-((y - moved[0] - cy) ** 2 + (x - moved[1] - cx) ** 2) / 2 / width**2)
            for height, cy, cx, width in blobs
        ))  # fmt: skip
    places = 0.2 * np.arange(size)
    scans = xr.DataArray(
        np.array(frames), dims=("frame", "y", "x"),
        coords={
            "frame": coordinate("frame", np.arange(2), "1"),
            "y": coordinate("y", places, "nm"), "x": coordinate("x", places, "nm"),
        }, attrs={"units": "counts"},
    )  # fmt: skip
    found = correct_scan_drift(scans, angles, method="linear")
    assert float(found["drift_rate_y"]) == pytest.approx(rate[0], abs=0.06)
    assert float(found["drift_rate_x"]) == pytest.approx(rate[1], abs=0.06)


def test_the_shaking_of_rows_is_found_too():
    scans = simulate.drifting_scans()
    linear = correct_scan_drift(scans, (0.0, 90.0), method="linear")
    rows = correct_scan_drift(scans, (0.0, 90.0))
    assert max(misfit(rows, scans)) < 0.075
    assert max(misfit(rows, scans)) < 0.5 * max(misfit(linear, scans))
    assert float(rows["correlation"].min()) > 0.98
    assert (rows["status"] == Status.CONVERGED).all()


def test_what_is_corrected_is_what_was_without_drift():
    still = simulate.drifting_scans((0.0,), drift=(1e-9, 0.0), jitter=0.0, noise=False)[0]
    scans = simulate.drifting_scans(noise=False)
    found = correct_scan_drift(scans, (0.0, 90.0))
    inner = {"y": slice(8, -8), "x": slice(8, -8)}
    after = float((found["corrected"] - still).isel(inner).std())
    before = float((scans[0] - still).isel(inner).std())
    assert after < 0.3 * before
    assert found["corrected"].dims == ("y", "x")
    assert found["corrected"].attrs["units"] == "counts"


def test_rows_scatter_as_their_standard_deviations_say():
    still = simulate.drifting_scans(shape=(48, 48), noise=False)
    rng, found = np.random.default_rng(1), []
    for _ in range(10):
        counts = still.copy(data=rng.poisson(still.values).astype(float))
        found.append(correct_scan_drift(counts, (0.0, 90.0)))
    several = xr.concat(found, "copy", coords="minimal", compat="override")
    # The first and last rows have neighbours on one side only.
    several = several.isel(y=slice(4, -4))
    for name in ("drift_y", "drift_x"):
        scatter = float(several[name].var("copy", ddof=1).mean())
        said = float((several[f"{name}_std"] ** 2).mean())
        assert np.sqrt(scatter / said) == pytest.approx(1.0, abs=0.15)


def test_a_scan_of_nothing_and_missing_pixels_are_left_out():
    scans = simulate.drifting_scans((0.0, 90.0, 45.0))
    scans = scans.where((scans["frame"] != 2) & ((scans["y"] > 3) | (scans["x"] > 3)))
    found = correct_scan_drift(scans, (0.0, 90.0, 45.0))
    np.testing.assert_array_equal(found["status"] == Status.INVALID, [False, False, True])
    truth = np.array(scans.attrs["metadata"]["truth"]["drift_y"])[:2]
    assert float(np.sqrt(((found["drift_y"][:2] - truth) ** 2).mean())) < 0.1


@pytest.mark.parametrize(
    ("angles", "arguments", "message"),
    [
        ((0.0,), {}, "an angle in degrees for each of 2 scans"),
        ((0.0, 1.0), {}, "do not differ"),
        ((0.0, np.nan), {}, "an angle"),
        ((0.0, 90.0), {"max_drift": 0.0}, "must be above 0"),
        ((0.0, 90.0), {"method": "spline"}, "method must be one of"),
    ],
)
def test_what_does_not_tell_the_drift_is_refused(angles, arguments, message):
    with pytest.raises(DataError, match=message):
        correct_scan_drift(simulate.drifting_scans(shape=(20, 20)), angles, **arguments)


def jittered(size=0.8, noise=0.0):
    """Return an image whose rows are shifted, and by how many pixels each is."""
    rng = np.random.default_rng(2)
    shift = size * rng.standard_normal(90)
    y, x = np.arange(90.0)[:, None], np.arange(110.0)
    values = np.zeros((90, 110))
    for _ in range(60):
        top, left = rng.uniform(0, 90), rng.uniform(0, 110)
        width = rng.uniform(3, 6)
        values += np.exp(-0.5 * ((y - top) ** 2 + (x - left - shift[:, None]) ** 2) / width**2)
    values += noise * rng.standard_normal(values.shape)
    coords = {"y": coordinate("y", 0.3 * y[:, 0], "nm"), "x": coordinate("x", 0.2 * x, "nm")}
    return xr.DataArray(values, coords, dims=("y", "x"), attrs={"units": "V"}), shift


def test_jitter_of_rows_is_found_and_undone():
    image, shift = jittered(noise=0.01)
    found = correct_row_jitter(image)
    away = found["shift_x"].values / 0.2 - shift
    assert np.corrcoef(found["shift_x"], shift)[0, 1] > 0.95
    rough = np.diff(away).std() / np.diff(shift).std()
    assert rough < 0.15
    assert found["shift_x"].attrs["units"] == "nm"
    inner = found["corrected"][:, 8:-8]
    assert float(inner.diff("y").std()) < 0.75 * float(image[:, 8:-8].diff("y").std())


def test_the_spread_of_jitter_is_the_scatter_that_noise_makes():
    image, shift = jittered(size=0.3)
    rng = np.random.default_rng(5)
    copies = image + xr.DataArray(
        0.1 * rng.standard_normal((30, *image.shape)),
        {"frame": coordinate("frame", np.arange(30), "1")}, ("frame", "y", "x"),
    )  # fmt: skip
    found = correct_row_jitter(copies)
    scatter = float(found["shift_x"].std("frame").median())
    assert float(found["shift_x_std"].median()) == pytest.approx(scatter, rel=0.2)
    away = found["shift_x"].mean("frame").values / 0.2 - shift
    assert away[5:-5].std() < 0.15


def test_an_image_without_jitter_stays_and_slanted_lines_too():
    image, _ = jittered(size=0.0)
    assert float(abs(correct_row_jitter(image)["shift_x"]).max()) < 0.2 * 0.3
    slanted = image.copy(
        data=np.cos(2 * np.pi * (image["x"] / 3.0 + image["y"] / 9.0)).transpose("y", "x")
    )
    found = correct_row_jitter(slanted)
    assert float(abs(found["shift_x"][12:-12]).max()) < 0.2 * 0.15


def test_rows_of_nothing_are_not_shifted():
    image, _ = jittered()
    image[40] = np.nan
    found = correct_row_jitter(image)
    assert int(found["status"][40]) == Status.NO_DATA
    assert found["corrected"][40].isnull().all()
    assert (found["status"].drop_sel(y=image["y"][40]) == Status.CONVERGED).sum() > 80
    nothing = correct_row_jitter(image * np.nan)
    assert (nothing["status"] == Status.NO_DATA).all()


@pytest.mark.parametrize(
    "arguments", [{"max_shift": -1.0}, {"max_shift": 20.0}, {"smoothing": 0.0}]
)
def test_lengths_out_of_range_are_refused(arguments):
    with pytest.raises(DataError, match="max_shift must be above 0"):
        correct_row_jitter(jittered()[0], **arguments)
