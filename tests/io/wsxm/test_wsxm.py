"""WSxM files made by the independent encoder, and real ones."""

import hashlib
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.wsxm.reader import read
from omniscopy.testing.files.wsxm import (
    write_wsxm_curves,
    write_wsxm_image,
    write_wsxm_movie,
    write_wsxm_text,
    write_wsxm_volume,
)
from omniscopy.testing.formats import bit_flips, check_damage

rng = np.random.default_rng(4)
COUNTS = rng.integers(-3000, 3000, (4, 6)).astype(np.int16)


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def only(path, **options):
    (channel,) = read(path, **options).channels
    return channel


def in_nm(counts, extent=10.0):
    return counts * (extent / (counts.max() - counts.min()))


@given(
    st.sampled_from(["i2", "u2", "i4", "f4", "f8"]), st.integers(2, 6), st.integers(1, 6)
)  # fmt: skip
def test_images_of_every_type_come_in_physical_units(tmp_path_factory, dtype, rows, columns):
    counts = np.arange(rows * columns).reshape(rows, columns).astype(dtype)
    path = tmp_path_factory.mktemp("wsxm") / "a.top"
    channel = only(write_wsxm_image(path, counts))
    np.testing.assert_allclose(load(channel.data), in_nm(counts), rtol=1e-6)
    assert (channel.title, channel.quantity, channel.units) == ("Topography", "height", "nm")


def test_values_are_stored_from_the_lower_right(tmp_path):
    path = write_wsxm_image(tmp_path / "a.top", COUNTS)
    last = np.frombuffer(path.read_bytes()[-48:], "<i2")
    values = load(only(path).data)
    np.testing.assert_allclose(values[0, 0], in_nm(COUNTS)[0, 0])
    np.testing.assert_allclose(values[-1, -1] / values[0, 0], last[0] / last[-1])


def test_final_numbers_are_left_as_they_are(tmp_path):
    values = rng.random((4, 6))
    entries = {
        "Miscellaneous": {"Maximum": f"{values.max():.6g}", "Minimum": f"{values.min():.6g}"}
    }
    height = f"{np.ptp(values):.6g} nm"
    channel = only(write_wsxm_image(tmp_path / "a.stp", values, height=height, entries=entries))
    np.testing.assert_array_equal(load(channel.data), values)


def test_a_range_that_is_not_stated_is_looked_up(tmp_path):
    entries = {"Miscellaneous": {"Maximum": None, "Minimum": None}}
    channel = only(write_wsxm_image(tmp_path / "a.top", COUNTS, entries=entries))
    np.testing.assert_allclose(load(channel.data), in_nm(COUNTS))
    assert channel.data[1, 2] == pytest.approx(in_nm(COUNTS)[1, 2])


def test_values_without_a_height_stay_counts(tmp_path):
    channel = only(write_wsxm_image(tmp_path / "a.top", COUNTS, height="much"))
    np.testing.assert_array_equal(load(channel.data), COUNTS)
    assert channel.units is None


def test_an_amplitude_in_metres_is_one_in_volts(tmp_path):
    channel = only(write_wsxm_image(tmp_path / "a.ch1", COUNTS, channel="Amplitude"))
    np.testing.assert_allclose(load(channel.data), in_nm(COUNTS) / 20)
    assert (channel.quantity, channel.units) == ("amplitude", "V")


def test_places_start_in_the_corner_or_where_the_header_says(tmp_path):
    y, x = only(write_wsxm_image(tmp_path / "a.top", COUNTS, size=("600 nm", "2 µm"))).axes
    assert (y.name, x.name, y.units, x.units) == ("y", "x", "µm", "nm")
    np.testing.assert_allclose(x.coordinate(), 100 * np.arange(6))
    np.testing.assert_allclose(y.coordinate(), 0.5 * np.arange(4))
    starts = {"X starting offset": "50 nm", "Y starting offset": "7 nm"}
    path = write_wsxm_image(tmp_path / "a.top", COUNTS, entries={"General Info": starts},
                            size=("600 nm", "400 nm"))  # fmt: skip
    y, x = only(path).axes
    np.testing.assert_allclose(x.coordinate(), 50 + 100 * np.arange(6))
    np.testing.assert_allclose(y.coordinate(), [307, 207, 107, 7])


def test_lines_along_a_voltage_are_no_lengths(tmp_path):
    path = write_wsxm_image(tmp_path / "a.stp", COUNTS, size=("3 V", "400 nm"))
    assert [axis.name for axis in only(path).axes] == ["y", "bias"]


def test_a_movie_is_a_stack_of_images(tmp_path):
    frames = rng.integers(-99, 99, (3, 4, 6)).astype(np.int16)
    path = write_wsxm_movie(tmp_path / "a.mpp", frames)
    channel = only(path)
    np.testing.assert_allclose(load(channel.data), in_nm(frames))
    assert [axis.name for axis in channel.axes] == ["frame", "y", "x"]
    path.write_bytes(path.read_bytes()[:-50])
    cut = only(path, partial=True)
    assert cut.attrs["incomplete"]["missing_from"] == 1
    np.testing.assert_allclose(load(cut.data)[:1], in_nm(frames)[:1])


@pytest.mark.parametrize("inverted", ["Yes", "No"])
def test_a_volume_has_a_spectrum_at_every_pixel(tmp_path, inverted):
    volume = rng.integers(-99, 99, (4, 6, 3)).astype(np.int16)
    path = write_wsxm_volume(
        tmp_path / "a.gsi", COUNTS, volume, ["-5 nm", "0 nm", "8 nm"],
        entries={"General Info": {"Channel is inverted": inverted}},
    )  # fmt: skip
    topography, spectra = read(path).channels
    np.testing.assert_allclose(load(topography.data), in_nm(COUNTS))
    sign = -1 if inverted == "Yes" else 1
    np.testing.assert_allclose(load(spectra.data), 1 + sign * volume * 0.5 * 4)
    assert [axis.name for axis in spectra.axes] == ["y", "x", "z"]
    np.testing.assert_array_equal(spectra.axes[2].coordinate(), [-5, 0, 8])
    assert (spectra.title, spectra.quantity, spectra.units) == (
        "Normal force spectra", "force", "nN",
    )  # fmt: skip
    assert om.validate(om.open(path)) == []


def curve(points, offset=0.0):
    x = np.linspace(0, 5, points) + offset
    return np.stack([x, np.sin(x)], axis=1)


@pytest.mark.parametrize("first", ["Yes", "No"])
def test_curves_after_an_image_have_an_abscissa_each(tmp_path, first):
    image = rng.random((4, 6))
    made = [[curve(5), curve(5, 1)], [curve(3), curve(3, 1)]]
    entries = {"Miscellaneous": {"First Forward": first}}
    path = write_wsxm_curves(tmp_path / "a.curves", image, made, entries=entries)
    topography, one, other = read(path).channels
    assert topography.title == "Topography"
    titles = [f"Normal force {word}" for word in ("extend", "retract")]
    assert [one.title, other.title] == (titles if first == "Yes" else titles[::-1])
    for number, channel in enumerate((one, other)):
        assert [axis.name for axis in channel.axes] == ["point", "sample"]
        x = load(channel.coordinates["z"].data)
        y = load(channel.data)
        np.testing.assert_allclose(y[0], 3 + 20 * made[0][number][:, 1])
        np.testing.assert_allclose(y[1, :3], 3 + 20 * made[1][number][:, 1])
        np.testing.assert_allclose(x[1, :3], made[1][number][:, 0])
        assert np.isnan(y[1, 3:]).all()
        assert channel.data[1, 2] == y[1, 2]
        assert (channel.quantity, channel.units) == ("force", "nN")
    assert om.validate(om.open(path)) == []


def test_curves_as_text_are_along_their_abscissa(tmp_path):
    lines = [curve(5), curve(5)[::-1]]
    extend, retract = read(write_wsxm_text(tmp_path / "a.cur", lines)).channels
    assert [extend.title, retract.title] == ["Normal force extend", "Normal force retract"]
    np.testing.assert_allclose(load(extend.data), 3 + 20 * lines[0][:, 1])
    np.testing.assert_allclose(retract.axes[0].coordinate(), lines[1][:, 0])
    assert (extend.axes[0].name, extend.axes[0].units) == ("z", "nm")
    assert retract.metadata == {"scan": {"direction": "retract"}}


def test_a_tune_has_final_numbers(tmp_path):
    entries = {"General Info": {"X axis unit": "Hz", "Y axis text": "Amplitude[[V]]"}}
    path = write_wsxm_text(tmp_path / "a.cur", [curve(5)], index=None, entries=entries)
    channel = only(path)
    assert (channel.title, channel.units, channel.axes[0].name) == ("Amplitude", "V", "frequency")
    np.testing.assert_allclose(load(channel.data), curve(5)[:, 1], rtol=1e-6)


def test_an_abscissa_that_turns_back_is_a_coordinate(tmp_path):
    loop = np.array([[0.0, 1], [1, 2], [0, 3]])
    channel = only(write_wsxm_text(tmp_path / "a.cur", [loop], index=None))
    assert channel.axes[0].name == "sample"
    np.testing.assert_array_equal(channel.coordinates["z"].data, [0, 1, 0])


def test_the_header_fills_the_common_metadata(tmp_path):
    measurement = read(write_wsxm_image(tmp_path / "a.top", COUNTS))
    assert measurement.metadata == {
        "technique": "AFM",
        "started": "2021-06-18T14:12:26",
        "comment": "on mica",
        "instrument": {"vendor": "Nanotec", "model": "S_69", "software": "WSxM 5.0 Develop 8.4"},
        "scan": {"line_rate": 1.085, "rotation": 30.0, "direction": "forward"},
        "probe": {"bias": -0.5, "spring_constant": 21.0, "drive_amplitude": 0.8},
        "feedback": {"setpoint": "-2.44 V", "mode": "Amplitude"},
    }
    tree = measurement.original_metadata
    assert json.loads(json.dumps(tree)) == tree
    assert tree["Head Settings"]["X Calibration"] == "290.4 Å/V"


def test_handles_read_parts_and_survive_pickling(tmp_path):
    made = [[curve(5), curve(5, 1)], [curve(3), curve(3, 1)]]
    path = write_wsxm_curves(tmp_path / "a.curves", rng.random((4, 6)), made)
    for channel in read(path).channels:
        whole = load(channel.data)
        copy = pickle.loads(pickle.dumps(channel.data))
        np.testing.assert_array_equal(copy[:, 1:3], whole[:, 1:3])
        np.testing.assert_array_equal(copy[1, ::2], whole[1, ::2])
        assert copy[0, 2] == whole[0, 2]


def test_a_cut_image_is_refused_and_read_as_far_as_it_goes(tmp_path):
    path = write_wsxm_image(tmp_path / "a.top", COUNTS)
    raw = path.read_bytes()
    for missing in range(1, 48, 5):
        path.write_bytes(raw[:-missing])
        with pytest.raises(FormatError, match=r"a\.top.*needs 48 bytes"):
            read(path)
        channel = only(path, partial=True)
        rows = (48 - missing) // 12
        values, whole = load(channel.data)[::-1], in_nm(COUNTS)[::-1]
        np.testing.assert_allclose(values[:rows], whole[:rows])
        assert np.isnan(values[rows:]).all()
        assert channel.attrs["incomplete"]["missing_from"] == rows


def test_cut_curves_are_refused_and_read_as_far_as_they_go(tmp_path):
    path = write_wsxm_curves(tmp_path / "a.curves", rng.random((4, 6)), [[curve(5)] * 2] * 3)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(FormatError, match="curve 2 of 5 points does not fit"):
        read(path)
    *_, last = read(path, partial=True).channels
    assert last.data.shape == (2, 5)
    assert last.attrs["incomplete"]["missing_from"] == 2
    path = write_wsxm_text(tmp_path / "a.cur", [curve(5)])
    path.write_bytes(path.read_bytes()[:-4])
    path.write_bytes(b"\r\n".join(path.read_bytes().split(b"\r\n")[:-1]))
    with pytest.raises(FormatError, match="5 rows of 2 numbers were expected, 4 were found"):
        read(path)
    assert np.isnan(load(only(path, partial=True).data)[4])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: b"", "starts with"),
        (lambda raw: raw[:20], "do not say 'Image header size'"),
        (lambda raw: raw[:300], "are left; it is cut short"),
        (lambda raw: raw.replace(b"size: ", b"size: 9"), "are left; it is cut short"),
        (lambda raw: raw.replace(b"rows: 4", b"rows: x"), "a number was expected, 'x'"),
        (lambda raw: raw.replace(b"rows: 4", b"rows: 0"), "at least 1 was expected"),
        (lambda raw: raw.replace(b"rows: 4", b"rows: 9"), "needs 108 bytes"),
        (lambda raw: raw.replace(b"Type: short", b"Type: quick"), "type 'quick' are not read"),
        (lambda raw: raw.replace(b"of rows", b"of cows"), "neither an image nor curves"),
    ],
)
def test_damage_is_named(tmp_path, damage, message):
    path = write_wsxm_image(tmp_path / "a.top", COUNTS)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FormatError, match=message) as caught:
        read(path)
    unsupported = "not read" in message or "neither" in message
    assert isinstance(caught.value, UnsupportedFormatError) == unsupported


@pytest.mark.parametrize("kind", ["image", "curves"])
def test_random_damage_gives_data_or_a_clear_error(tmp_path, kind):
    if kind == "image":
        path = write_wsxm_image(tmp_path / "a.top", COUNTS)
    else:
        path = write_wsxm_curves(tmp_path / "a.curves", rng.random((4, 6)), [[curve(5)] * 2] * 3)
    for damaged in bit_flips(path.read_bytes(), 50, np.random.default_rng(0)):
        check_damage(path, damaged, folder=tmp_path)


@pytest.mark.shared
def test_real_images_are_those_of_the_reference(real_files):
    entries = real_files("wsxm_stp_top")
    assert len(entries) == 2
    for entry in entries:
        channel = only(entry["path"])
        (signal,) = entry["signals"]
        # The reference has x first and y upwards from the last row of the file.
        values = np.ascontiguousarray(load(channel.data).T)
        assert list(values.shape) == signal["shape"]
        assert [values[0, 0], values[-1, -1]] == pytest.approx(signal["corners"])
        for measure in ("min", "max", "mean", "std"):
            assert getattr(values, measure)() == pytest.approx(signal[measure], rel=1e-6)
        assert channel.units == signal["units"]
        for axis, expected in zip(channel.axes, signal["axes"], strict=True):
            assert (axis.scale, axis.units) == (pytest.approx(expected["scale"]), expected["units"])
        if entry["file"].endswith("stp-1.stp"):
            digest = hashlib.sha256(values.tobytes()).hexdigest()[:32]
            assert digest == signal["sha256"]
