"""SPE files of both versions made by the independent encoder; there is no real one."""

import json

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.princeton.reader import read
from omniscopy.testing.files.princeton import SpeRegion, write_spe, write_spe3

rng = np.random.default_rng(5)
FRAMES = rng.integers(0, 60000, (3, 4, 6)).astype(np.uint16)
LINES = FRAMES[:, :1]
NM = {"calibrated": 1, "polynomial_unit": 3, "order": 2}
NM |= {"polynomial": (500.0, 0.5, 1e-3, 0.0, 0.0, 0.0)}
WAVELENGTHS = 500 + 0.5 * np.arange(1, 7) + 1e-3 * np.arange(1, 7) ** 2


def signals(path, **options):
    return list(om.signals(om.open(path, **options)).values())


def only(path, **options):
    (data,) = signals(path, **options)
    return data


@pytest.mark.parametrize("kind", ["f4", "i4", "i2", "u2", "f8", "u1", "u4"])
def test_frames_keep_their_type_and_order(tmp_path, kind):
    values = (FRAMES % 100).astype(kind)
    path = write_spe(tmp_path / "a.spe", [SpeRegion(values)])
    data = only(path)
    assert data.dims == ("frame", "y", "x")
    assert data.dtype == kind
    np.testing.assert_array_equal(data, values)
    assert om.validate(om.open(path)) == []


def test_places_are_those_on_the_sensor(tmp_path):
    data = only(write_spe(tmp_path / "a.spe", [SpeRegion(FRAMES, (11, 21), (2, 4))]))
    np.testing.assert_allclose(data["x"], 11.5 + 2 * np.arange(6))
    np.testing.assert_allclose(data["y"], 22.5 + 4 * np.arange(4))
    data = only(write_spe3(tmp_path / "b.spe", [SpeRegion(FRAMES, (10, 20), (2, 4))]))
    np.testing.assert_allclose(data["x"], 10.5 + 2 * np.arange(6))
    np.testing.assert_allclose(data["y"], 21.5 + 4 * np.arange(4))


def test_spectra_have_the_wavelengths_of_their_polynomial(tmp_path):
    data = only(write_spe(tmp_path / "a.spe", [SpeRegion(LINES[:1])], header=NM))
    assert data.dims == ("wavelength",)
    np.testing.assert_array_equal(data, LINES[0, 0])
    np.testing.assert_allclose(data["wavelength"], WAVELENGTHS, rtol=1e-12)
    assert data["wavelength"].attrs["units"] == "nm"
    raman = NM | {"current_unit": 5, "laser": 1e7 / 490}
    data = only(write_spe(tmp_path / "b.spe", [SpeRegion(LINES)], header=raman))
    assert data.dims == ("frame", "wavenumber")
    np.testing.assert_allclose(data["wavenumber"], 1e7 / 490 - 1e7 / WAVELENGTHS, rtol=1e-9)
    shifts = NM | {"polynomial_unit": 5}
    data = only(write_spe(tmp_path / "c.spe", [SpeRegion(LINES)], header=shifts))
    np.testing.assert_allclose(data["wavenumber"], WAVELENGTHS)
    assert data["wavenumber"].attrs["quantity"] == "Raman shift"


@pytest.mark.parametrize(
    "header", [{"calibrated": 0}, {"order": 9}, {"polynomial": (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)}]
)
def test_spectra_without_calibration_are_along_pixels(tmp_path, header):
    data = only(write_spe(tmp_path / "a.spe", [SpeRegion(LINES, (3, 1))], header=NM | header))
    assert data.dims == ("frame", "sample")
    np.testing.assert_array_equal(data["sample"], np.arange(3, 9))


@pytest.mark.parametrize("write", [write_spe, write_spe3])
def test_regions_are_channels(tmp_path, write):
    regions = [SpeRegion(FRAMES, (1, 1)), SpeRegion(FRAMES[:, :1, :3], (1, 10))]
    first, second = signals(write(tmp_path / "a.spe", regions))
    np.testing.assert_array_equal(first, FRAMES)
    np.testing.assert_array_equal(second, FRAMES[:, 0, :3])
    assert (first.dims, second.dims) == (("frame", "y", "x"), ("frame", "sample"))


def test_a_header_whose_region_is_not_the_image_gives_the_image(tmp_path):
    turned = {"rows": 6, "columns": 4}
    data = only(write_spe(tmp_path / "a.spe", [SpeRegion(FRAMES)], header=turned))
    assert data.shape == (3, 6, 4)


@pytest.mark.parametrize("errors", [False, True])
def test_the_description_lists_wavelengths_and_times(tmp_path, errors):
    path = write_spe3(
        tmp_path / "a.spe", [SpeRegion(LINES)],
        wavelengths=WAVELENGTHS, errors=errors, times=[10.0, 10.5, 11.25],
    )  # fmt: skip
    data = only(path)
    assert data.dims == ("time", "wavelength")
    np.testing.assert_array_equal(data, LINES[:, 0])
    np.testing.assert_allclose(data["time"], [0, 0.5, 1.25])
    np.testing.assert_array_equal(data["wavelength"], WAVELENGTHS)
    assert om.validate(om.open(path)) == []


def test_a_part_of_the_sensor_has_its_part_of_the_wavelengths(tmp_path):
    sensor = np.arange(500.0, 520.0)
    region = SpeRegion(LINES, (4, 0), (2, 1))
    data = only(write_spe3(tmp_path / "a.spe", [region], wavelengths=sensor, sensor=20))
    np.testing.assert_allclose(data["wavelength"], 504.5 + 2 * np.arange(6))


def test_frames_without_order_in_time_are_numbered(tmp_path):
    path = write_spe3(tmp_path / "a.spe", [SpeRegion(LINES)], times=[1.0, 1.0, 1.0])
    assert only(path).dims == ("frame", "sample")


def test_header_and_description_fill_the_common_metadata(tmp_path):
    measurement = read(write_spe(tmp_path / "a.spe", [SpeRegion(LINES)]))
    assert measurement.metadata == {
        "started": "2006-10-05T14:25:03",
        "comment": "a crystal",
        "instrument": {"vendor": "Princeton Instruments", "software": "2.5.15.0"},
        "spectrometer": {"grating": "600 lines/mm"},
        "detector": {
            "exposure_time": 0.5, "temperature": 203.15, "gain": 2, "accumulations": 4,
        },
    }  # fmt: skip
    assert json.loads(json.dumps(measurement.original_metadata)) == measurement.original_metadata
    measurement = read(write_spe3(tmp_path / "b.spe", [SpeRegion(LINES)], wavelengths=WAVELENGTHS))
    assert measurement.metadata == {
        "started": "2022-04-13T15:30:48+02:00",
        "operator": "Ada",
        "instrument": {
            "vendor": "Princeton Instruments", "model": "ProEM+", "software": "LightField 5.3",
        },
        "laser": {"wavelength": 532.0},
        "spectrometer": {
            "model": "SP-2-500i", "grating": "[500nm,600]", "centre_wavelength": 587.5,
        },
        "detector": {"exposure_time": 0.1, "temperature": 230.15},
    }  # fmt: skip
    odd = {"date": b"soon", "time": b"99", "exposure": np.nan, "accumulations": -1}
    found = read(write_spe(tmp_path / "c.spe", [SpeRegion(LINES)], header=odd)).metadata
    assert "started" not in found
    assert "exposure_time" not in found["detector"]
    half = read(write_spe(tmp_path / "d.spe", [SpeRegion(LINES)], header={"time": b"x"})).metadata
    assert half["started"] == "2006-10-05"


@pytest.mark.parametrize("write", [write_spe, write_spe3])
def test_a_file_that_is_cut_short_is_refused_or_read_in_part(tmp_path, write):
    path = write(tmp_path / "a.spe", [SpeRegion(FRAMES)])
    path.write_bytes(path.read_bytes()[: 4100 + 2 * 48 + 5])
    with pytest.raises(FormatError, match=r"a\.spe.*cut short"):
        om.open(path)
    tree = om.open(path, partial=True)
    (data,) = om.signals(tree).values()
    np.testing.assert_array_equal(data[:2], FRAMES[:2])
    assert not data[2].any()
    assert data.attrs["incomplete"]["missing_from"] == 2
    assert ("not_read" in tree.attrs) == (write is write_spe3)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"type": 7}, "numbers of type 7 are not known"),
        ({"frames": 0}, "0 frames"),
        ({"frames": 2**31 - 1}, "2147483647 frames of 48 bytes were announced, the file has 144"),
        ({"columns": 0}, "of 0 bytes were announced"),
        ({"mark": 1}, "has not the mark"),
    ],
)
def test_headers_that_contradict_the_data_are_refused(tmp_path, header, message):
    path = write_spe(tmp_path / "a.spe", [SpeRegion(FRAMES)], header=header)
    with pytest.raises(FormatError, match=message):
        read(path)


@pytest.mark.parametrize("write", [write_spe, write_spe3])
def test_files_of_other_programs_have_no_mark(tmp_path, write):
    path = write(tmp_path / "a.spe", [SpeRegion(FRAMES)])
    raw = path.read_bytes()
    path.write_bytes(raw[:2996] + bytes(4) + raw[3000:])
    np.testing.assert_array_equal(only(path), FRAMES)
    path.write_bytes(raw[:2996] + bytes(4) + raw[3000 : 4100 + 20])
    with pytest.raises(UnsupportedFormatError, match="the content is not"):
        om.open(path)


def test_absurd_numbers_of_frames_are_refused_in_part_too(tmp_path):
    path = write_spe(tmp_path / "a.spe", [SpeRegion(FRAMES)], header={"frames": 2**31 - 1})
    with pytest.raises(FormatError, match="2147483647 frames are absurd"):
        read(path, partial=True)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Unsigned16", "Signed3", "numbers of the type 'MonochromeSigned3' are not read"),
        ('count="3"', 'count="-3"', "whole number was expected for 'count', '-3'"),
        ('width="6"', 'width="600"', r"a region of \(4, 600\) values is not in a frame"),
        ('width="6"', 'width="0"', r"a region of \(4, 0\) values holds no data"),
        ("<DataBlock type=", "<Data type=", "type '' are not read|is damaged"),
        ("<SpeFormat", "<!DOCTYPE a><SpeFormat", "the description is damaged"),
    ],
)
def test_descriptions_that_contradict_the_data_are_refused(tmp_path, old, new, message):
    path = write_spe3(tmp_path / "a.spe", [SpeRegion(FRAMES)], replaced={old: new})
    with pytest.raises(FormatError, match=message):
        om.open(path)


def test_frames_without_a_region_are_refused(tmp_path):
    replaced = {'<DataBlock type="Region"': "<Other"}
    path = write_spe3(tmp_path / "a.spe", [SpeRegion(FRAMES)], replaced=replaced)
    with pytest.raises(FormatError, match="frames without a region"):
        om.open(path)
