"""Documents of Analysis Studio made by the independent encoder, and a real one."""

import codecs
import gzip
import json
import zlib

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.anasys.reader import read
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.testing.files.anasys import AnasysMap, AnasysSpectrum, write_axz
from omniscopy.testing.formats import bit_flips, check_damage

rng = np.random.default_rng(8)
VALUES = rng.normal(size=(4, 6)).astype("f4")
LINE = rng.normal(size=5).astype("f4")


def whole(channel):
    return channel.data[()]


def only(path, **options):
    (channel,) = read(path, **options).channels
    return channel


@pytest.mark.parametrize("packed", [True, False])
def test_maps_come_row_by_row_in_their_units(tmp_path, packed):
    parts = [AnasysMap(VALUES), AnasysMap(VALUES * 2, "IR Amplitude 1", ("", "V"))]
    height, amplitude = read(write_axz(tmp_path / "a.axz", parts, packed=packed)).channels
    np.testing.assert_array_equal(whole(height), VALUES)
    np.testing.assert_array_equal(whole(amplitude), VALUES * 2)
    assert height.data.dtype == np.float32
    assert (height.title, height.quantity, height.units) == ("Height 1", "height", "nm")
    assert (amplitude.quantity, amplitude.units) == ("amplitude", "V")


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("mark", "code"),
    [
        (b"", "utf-8"), (codecs.BOM_UTF8, "utf-8"), (b"", "utf-16-le"), (b"", "utf-16-be"),
        (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)  # fmt: skip
def test_letters_of_any_coding_say_the_same(tmp_path, mark, code, packed):
    path = write_axz(tmp_path / "a.axd", [AnasysMap(VALUES)], packed=False)
    raw = mark + path.read_text(encoding="utf-8").encode(code)
    path.write_bytes(gzip.compress(raw) if packed else raw)
    np.testing.assert_array_equal(whole(only(path)), VALUES)


def test_places_are_about_the_centre_before_the_scan_is_turned(tmp_path):
    y, x = only(write_axz(tmp_path / "a.axz", [AnasysMap(VALUES)])).axes
    assert (y.name, x.name, y.units, x.units) == ("y", "x", "µm", "µm")
    np.testing.assert_allclose(x.coordinate(), [1, 2, 3, 4, 5, 6])
    np.testing.assert_allclose(y.coordinate(), [0, -1, -2, -3])


def test_spectra_have_a_place_and_both_ends_of_their_range(tmp_path):
    values = {"IR-Amplitude": LINE, "Frequency": LINE * 2}
    path = write_axz(tmp_path / "a.axz", [AnasysSpectrum(values, attenuation=LINE + 1)])
    amplitude, frequency = read(path).channels
    np.testing.assert_array_equal(whole(amplitude), LINE)
    np.testing.assert_array_equal(whole(frequency), LINE * 2)
    (axis,) = amplitude.axes
    assert (axis.name, axis.units) == ("wavenumber", "1/cm")
    np.testing.assert_allclose(axis.coordinate(), [1000, 1025, 1050, 1075, 1100])
    assert [float(amplitude.coordinates[name].data) for name in "xy"] == [1.0, 2.0]
    np.testing.assert_array_equal(amplitude.variables["attenuation"].data, LINE + 1)
    assert amplitude.title == "Spectrum 1 IR-Amplitude"
    assert om.validate(om.open(path)) == []


def test_the_document_fills_the_common_metadata(tmp_path):
    channel = only(write_axz(tmp_path / "a.axz", [AnasysMap(VALUES)]))
    assert channel.metadata == {
        "technique": "AFM",
        "started": "2024-01-12T13:37:28-05:00",
        "instrument": {"vendor": "Anasys Instruments", "model": "NANOIR2"},
        "scan": {"line_rate": 0.5, "rotation": -90.0, "direction": "retrace"},
        "feedback": {"mode": "CONTACT", "setpoint": "-0.5 V"},
    }
    tree = channel.original_metadata
    assert json.loads(json.dumps(tree)) == tree
    assert tree["Tags"]["ScanRate"] == "0.5 Hz"
    assert "SampleBase64" not in tree


def test_values_are_unpacked_when_they_are_read_and_damage_is_found_then(tmp_path):
    large = rng.normal(size=(300, 400)).astype("f4")
    path = write_axz(tmp_path / "a.axd", [AnasysMap(large), AnasysMap(large + 1)], packed=False)
    tree = om.open(path)
    np.testing.assert_array_equal(tree["Height_1_1"].signal[5:9, ::3], (large + 1)[5:9, ::3])
    text = path.read_text()
    at = text.rindex("</SampleBase64>") - 40
    path.write_text(text[:at] + "!" + text[at + 1 :])
    height = om.open(path)["Height_1_1"].signal
    with pytest.raises(FormatError, match=r"Height 1.*no base64|480000 bytes, "):
        height.load()


def test_blanks_among_the_values_are_passed_over(tmp_path):
    path = write_axz(tmp_path / "a.axd", [AnasysMap(VALUES)], packed=False)
    text = path.read_text()
    at = text.index("<SampleBase64>") + 20
    path.write_text(text[:at] + "\n  " + text[at:])
    np.testing.assert_array_equal(whole(only(path)), VALUES)


def test_odd_entries_are_skipped(tmp_path):
    entries = {"TimeStamp": "noon", "Size": "<X>0</X><Y>4</Y>", "Rotation": "", "Tags": ""}
    channel = only(write_axz(tmp_path / "a.axz", [AnasysMap(VALUES, entries=entries)]))
    assert channel.axes[1].units is None
    assert "started" not in channel.metadata
    assert "scan" not in channel.metadata


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"Resolution": "<X>6</X><Y>5</Y>"}, "need 120 bytes, 96 were found"),
        ({"Resolution": "<X>6</X><Y>-4</Y>"}, "number of points was expected, '-4'"),
        ({"Resolution": "<X>9999999</X><Y>9999999</Y>"}, "need 399999920000004 bytes"),
        ({"SampleBase64": "AAA"}, "no base64"),
    ],
)
def test_maps_that_contradict_themselves_are_refused(tmp_path, entries, message):
    path = write_axz(tmp_path / "a.axz", [AnasysMap(VALUES), AnasysMap(VALUES, entries=entries)])
    with pytest.raises(FormatError, match=rf"a\.axz.*{message}"):
        read(path)
    assert len(read(path, partial=True).channels) == 1


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: b"", "none of Analysis Studio"),
        (lambda raw: raw[:100], "the packed document ends too early"),
        (lambda raw: raw[:60] + b"\0" + raw[61:], r"cannot be unpacked|ends too early|damaged"),
        (lambda raw: gzip.compress(b"other things"), "none of Analysis Studio"),
        (lambda raw: gzip.compress(gzip.decompress(raw)[:-20]), "the XML is damaged"),
    ],
)
def test_damage_is_named(tmp_path, damage, message):
    path = write_axz(tmp_path / "a.axz", [AnasysMap(VALUES)])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FormatError, match=message) as caught:
        read(path)
    assert isinstance(caught.value, UnsupportedFormatError) == ("none of" in message)


def test_entities_are_refused(tmp_path):
    prologue = '<!DOCTYPE a [<!ENTITY b "c">]>'
    for packed in (True, False):
        path = write_axz(tmp_path / "a.axz", [AnasysMap(VALUES)], packed=packed, prologue=prologue)
        with pytest.raises(FormatError, match="declares entities"):
            read(path)


def test_a_document_that_unpacks_without_end_is_refused(tmp_path):
    path = tmp_path / "bomb.axz"
    packer = zlib.compressobj(9, wbits=31)
    path.write_bytes(packer.compress(bytes(60 << 20)) + packer.flush())
    with pytest.raises(FormatError, match=r"bomb\.axz.*unpacks to more than"):
        read(path)


def test_a_cut_document_is_read_as_far_as_it_goes(tmp_path):
    parts = [AnasysMap(rng.normal(size=(40, 60)), f"Height {i}") for i in range(3)]
    path = write_axz(tmp_path / "a.axz", parts)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) * 3 // 4])
    with pytest.raises(FormatError, match="cut short"):
        read(path)
    measurement = read(path, partial=True)
    assert [channel.title for channel in measurement.channels] == ["Height 0", "Height 1"]
    assert measurement.attrs["not_read"] == "a part of the document"


@pytest.mark.parametrize("packed", [True, False])
def test_random_damage_gives_data_or_a_clear_error(tmp_path, packed):
    parts = [AnasysMap(VALUES), AnasysSpectrum({"IR": LINE})]
    path = write_axz(tmp_path / "a.axd", parts, packed=packed)
    for damaged in bit_flips(path.read_bytes(), 100, np.random.default_rng(0)):
        check_damage(path, damaged, folder=tmp_path)


@pytest.mark.shared
def test_a_real_document_has_the_maps_of_the_reference(real_files):
    (entry,) = real_files("axz")
    channels = read(entry["path"]).channels
    maps = [channel for channel in channels if len(channel.axes) == 2]
    spectra = [channel for channel in channels if len(channel.axes) == 1]
    # The reference keeps one of three quantities of each spectrum.
    assert (len(maps), len(spectra)) == (68, 15)
    assert len(maps) + len(spectra) // 3 == entry["n_signals"]
    for channel, signal in zip(maps, entry["signals"], strict=False):
        assert channel.title == signal["title"]
        assert channel.units == signal["units"].removeprefix("None")
        values = whole(channel)
        for measure in ("min", "max"):
            assert getattr(values, measure)() == signal[measure]
        assert values.mean(dtype="f8") == pytest.approx(signal["mean"], rel=1e-12)
        assert [values[0, 0], values[-1, -1]] == signal["corners"]
        for axis, expected in zip(channel.axes, signal["axes"], strict=True):
            # The reference has one step too few on the same length.
            length = expected["scale"] * (expected["size"] - 1)
            assert abs(axis.scale) * axis.size == pytest.approx(length)
    assert [len(whole(channel)) for channel in spectra[::3]] == [251, 346, 251, 251, 646]
    assert spectra[0].axes[0].coordinate()[[0, -1]].tolist() == [2200, 3200]


@pytest.mark.shared
def test_maps_of_one_place_agree_on_it(shared):
    maps = {c.title: c for c in read(shared / "data/vendor/axz/PEA_BDA_film.axz").channels}
    wide, narrow = maps["Height 1"], maps["Height 4"]
    # Both were turned by -90 degrees: a step along y of the stage is one along the columns.
    centres = [[np.mean(axis.coordinate()) for axis in each.axes] for each in (wide, narrow)]
    dy, dx = np.subtract(centres[1], centres[0])
    step = 20 / 128
    row, column = 64 - dx / step, 64 - dy / step
    small = whole(narrow).reshape(32, 4, 32, 4).mean((1, 3))

    def likeness(top, left):
        part = whole(wide)[top : top + 32, left : left + 32]
        return np.corrcoef(part.ravel(), small.ravel())[0, 1]

    found = {(i, j): likeness(i, j) for i in range(0, 97, 2) for j in range(0, 97, 2)}
    best = max(found, key=found.get)
    assert found[best] > 0.6
    assert best == (pytest.approx(row - 16, abs=4), pytest.approx(column - 16, abs=4))
