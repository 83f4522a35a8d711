"""NT-MDT files made by the independent encoder: every type of frame, values, places, damage."""

import json
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.nt_mdt.reader import read
from omniscopy.testing.files.nt_mdt import (
    MdtArray,
    MdtAxis,
    MdtCurves,
    MdtScan,
    MdtSpectra,
    MdtText,
    write_mdt,
)
from omniscopy.testing.formats import bit_flips, check_damage

rng = np.random.default_rng(5)
COUNTS = rng.integers(-3000, 3000, (5, 7)).astype(np.int16)


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def only(path, **options):
    (channel,) = read(path, **options).channels
    return channel


def scan(**options):
    return MdtScan(COUNTS, **options)


@given(st.integers(1, 6), st.integers(1, 6), st.floats(-9, 9), st.sampled_from([0.5, -0.25]))
def test_scans_come_in_physical_units_from_the_top(tmp_path_factory, rows, columns, offset, step):
    counts = rng.integers(-9, 9, (rows, columns)).astype(np.int16)
    path = tmp_path_factory.mktemp("mdt") / "a.mdt"
    z = MdtAxis(float(np.float32(offset)), step, "nA")
    channel = only(write_mdt(path, [MdtScan(counts, z=z, title="Ток")]))
    np.testing.assert_array_equal(load(channel.data), counts * step + z.offset)
    assert (channel.title, channel.quantity, channel.units) == ("Ток", "current", "nA")


def test_rows_are_stored_from_the_bottom(tmp_path):
    path = write_mdt(tmp_path / "a.mdt", [scan()])
    first = np.frombuffer(path.read_bytes(), "<i2", 7, 33 + 22 + 442 + 8)
    np.testing.assert_array_equal(load(only(path).data)[-1], first * 0.5)


def test_a_scan_without_place_is_labelled_from_its_corner(tmp_path):
    made = scan(x=MdtAxis(0, 0.5, "µm"), y=MdtAxis(0, 0.25, "µm"))
    y, x = only(write_mdt(tmp_path / "a.mdt", [made])).axes
    assert (y.name, x.name, y.units, x.units) == ("y", "x", "µm", "µm")
    np.testing.assert_array_equal(x.coordinate(), 0.5 * np.arange(7))
    np.testing.assert_array_equal(y.coordinate(), 0.25 * np.arange(5))


def test_a_scan_with_a_place_descends_along_y(tmp_path):
    made = scan(x=MdtAxis(3, 0.5, "nm"), y=MdtAxis(1, 0.25, "nm"))
    y, x = only(write_mdt(tmp_path / "a.mdt", [made])).axes
    np.testing.assert_array_equal(x.coordinate(), 3 + 0.5 * np.arange(7))
    np.testing.assert_array_equal(y.coordinate(), [2, 1.75, 1.5, 1.25, 1])


def test_the_settings_fill_the_common_metadata(tmp_path):
    channel = only(write_mdt(tmp_path / "a.mdt", [scan(device=0)]))
    assert channel.metadata == {
        "technique": "AFM",
        "started": "2015-03-10T15:11:09",
        "comment": "on mica",
        "instrument": {"vendor": "NT-MDT", "software": "1.0.26"},
        "scan": {"frame_time": 1311.0, "direction": "forward"},
        "probe": {"spring_constant": 2.5, "bias": -0.25},
    }
    tree = channel.original_metadata
    assert json.loads(json.dumps(tree)) == tree
    assert tree["Parameters"]["Nova"]["Application"] == "1.0.26"


def test_spectra_have_the_settings_of_the_spectrometer_with_decimal_commas(tmp_path):
    settings = (
        "<a><Parameters><Measurement><Spectra><Spectrometer>"
        "<LaserWavelength>473</LaserWavelength><Grating>600 / 600</Grating>"
        "<OperatingGratingWavelength>529,9986</OperatingGratingWavelength></Spectrometer>"
        "<Detector><Type>Andor CCD</Type><ExposureTime>0,50002</ExposureTime>"
        "<Temperature>-59,777</Temperature></Detector></Spectra></Measurement></Parameters></a>"
    )
    found = only(write_mdt(tmp_path / "a.mdt", [scan(settings=settings)])).metadata
    assert found["laser"] == {"wavelength": 473}
    assert found["spectrometer"] == {"grating": "600 / 600", "centre_wavelength": 529.9986}
    assert found["detector"] == {
        "name": "Andor CCD", "exposure_time": 0.50002, "temperature": pytest.approx(213.373),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "technique"),
    [
        ({"device": 0}, "STM"),
        ({"device": 1}, "AFM"),
        ({"device": 0, "velocity": 0.0}, None),
        ({"settings": "<a><Parameters><FrameType>SpectraX</FrameType></Parameters></a>"}, "Raman"),
    ],
)
def test_the_technique_is_that_of_the_device(tmp_path, options, technique):
    made = scan(**{"settings": "", **options})
    assert only(write_mdt(tmp_path / "a.mdt", [made])).modality == technique


@pytest.mark.parametrize("kind", [1, 201])
def test_curves_forth_and_back_have_their_places(tmp_path, kind):
    forward = [np.arange(4), np.arange(3)]
    backward = [np.arange(4) * 2, np.arange(4) * 3]
    places = np.array([[1.0, 2.0], [3.0, 4.0]])
    frame = MdtCurves(forward, backward, places)
    path = write_mdt(tmp_path / "a.mdt", [frame], curve_type=kind)
    forth, back = read(path).channels
    assert (forth.title, back.title) == ("I(V) forward", "I(V) backward")
    assert [axis.name for axis in forth.axes] == ["point", "bias"]
    np.testing.assert_array_equal(load(forth.data), [[0, 0.5, 1, 1.5], [0, 0.5, 1, np.nan]])
    np.testing.assert_array_equal(load(back.data), [[0, 1, 2, 3], [0, 1.5, 3, 4.5]])
    np.testing.assert_allclose(forth.axes[1].coordinate(), [-1, -0.9, -0.8, -0.7])
    np.testing.assert_array_equal(forth.coordinates["y"].data, [2, 4])
    assert forth.coordinates["x"].attrs["units"] == "µm"
    assert om.validate(om.open(path)) == []


TYPES = ["|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f4", "<f8"]


@pytest.mark.parametrize("dtype", TYPES)
def test_arrays_of_every_type_are_scaled(tmp_path, dtype):
    values = rng.integers(0, 100, (3, 4)).astype(dtype)
    axes = [MdtAxis(0, 0.5, "µm"), MdtAxis(0, 0.25, "µm")]
    frame = MdtArray([(MdtAxis(1, 2, "nm", "Height"), values)], axes)
    channel = only(write_mdt(tmp_path / "a.mdt", [frame]))
    np.testing.assert_array_equal(load(channel.data), values[::-1] * 2.0 + 1)
    assert [axis.name for axis in channel.axes] == ["y", "x"]
    assert [axis.scale for axis in channel.axes] == [0.25, 0.5]
    assert (channel.title, channel.quantity, channel.units) == ("1F:Height", "height", "nm")


def test_quantities_in_one_cell_are_channels_of_their_own(tmp_path):
    first, second = rng.random((3, 4)), rng.integers(0, 9, (3, 4)).astype("<i2")
    named = [MdtAxis(0, 1, "nm", "Height"), MdtAxis(0, 0.5, "deg", "Phase")]
    frame = MdtArray(list(zip(named, [first, second], strict=True)), [MdtAxis(), MdtAxis()])
    height, phase = read(write_mdt(tmp_path / "a.mdt", [frame])).channels
    np.testing.assert_array_equal(load(height.data), first[::-1])
    np.testing.assert_array_equal(load(phase.data), second[::-1] * 0.5)
    assert (phase.title, phase.quantity) == ("1F:Height Phase", "phase")


FULL = "<a><Parameters><FrameType>Spectra2DFullSpectrum</FrameType></Parameters></a>"


@pytest.mark.parametrize("spectrum_first", [True, False])
def test_volumes_are_spectra_at_every_pixel(tmp_path, spectrum_first):
    cube = rng.random((3, 4, 5)).astype("<f4")  # y from the bottom, x, shift
    plane = [MdtAxis(1, 1, "µm"), MdtAxis(2, 1, "µm")]
    shift = MdtAxis(100, 5, "1/cm")
    stored = cube if spectrum_first else cube.transpose(2, 0, 1)
    axes = [shift, *plane] if spectrum_first else [*plane, shift]
    settings = FULL if spectrum_first else ""
    frame = MdtArray([(MdtAxis(0, 1, "", "Raman"), stored)], axes, settings=settings)
    channel = only(write_mdt(tmp_path / "a.mdt", [frame]))
    np.testing.assert_array_equal(load(channel.data), cube[::-1])
    assert [axis.name for axis in channel.axes] == ["y", "x", "wavenumber"]
    np.testing.assert_array_equal(channel.axes[2].coordinate(), 100 + 5 * np.arange(5))
    np.testing.assert_array_equal(channel.axes[0].coordinate(), [4, 3, 2])


def test_a_spectral_axis_may_list_its_values(tmp_path):
    comment = (
        '<x><Parameter Name="LaserWL">473,0</Parameter><Parameter Name="UserUnits">2</Parameter>'
        '<Array Count="3">500,0. 510,5. 520. </Array></x>'
    )
    axis = MdtAxis(0, 1, "", comment=comment)
    frame = MdtArray([(MdtAxis(0, 1, "", "Intensity"), np.arange(3.0))], [axis])
    channel = only(write_mdt(tmp_path / "a.mdt", [frame]))
    (found,) = channel.axes
    assert (found.name, found.units) == ("wavenumber", "1/cm")
    np.testing.assert_allclose(found.coordinate(), 1e7 / 473 - 1e7 / np.array([500, 510.5, 520]))


def test_an_array_without_dimensions_has_its_abscissa_first(tmp_path):
    x, y = np.array([0.0, 0.5, 2.0]), np.array([3, 2, 1], "<i2")
    pairs = [(MdtAxis(0, 1, "V", "U"), x), (MdtAxis(0, 0.1, "nA", "I"), y)]
    channel = only(write_mdt(tmp_path / "a.mdt", [MdtArray(pairs, [])]))
    np.testing.assert_allclose(load(channel.data), [0.3, 0.2, 0.1])
    assert channel.axes[0].name == "sample"
    np.testing.assert_array_equal(load(channel.coordinates["bias"].data), x)


EXTERNAL = (
    "<a><Parameters><Data><ExternalDataFileName>C:\\d\\{}</ExternalDataFileName></Data>"
    "</Parameters></a>"
)


def test_values_beside_the_file_are_found_by_name_only(tmp_path):
    values = rng.random((3, 4))
    quantity, axes = MdtAxis(0, 1, "nm"), [MdtAxis(), MdtAxis()]
    settings = EXTERNAL.format("a.data")
    path = write_mdt(tmp_path / "a.mdt", [MdtArray([(quantity, values)], axes, settings=settings)])
    with pytest.raises(FormatError, match=r"'a\.data', which is not beside it"):
        read(path)
    (tmp_path / "a.data").write_bytes((values * 2).tobytes())
    np.testing.assert_array_equal(load(only(path).data), values[::-1] * 2)
    for escape in ("..", "", "a.mdt"):
        settings = EXTERNAL.format(escape)
        frame = MdtArray([(quantity, values)], axes, settings=settings)
        with pytest.raises(FormatError, match=r"not beside it"):
            read(write_mdt(path, [frame]))


@pytest.mark.parametrize("scale", [None, 0.25])
@pytest.mark.parametrize("passes", [1, 3])
def test_point_spectra_of_both_directions_share_their_abscissa(tmp_path, scale, passes):
    forward, backward = rng.integers(-9, 9, (2, 4, passes, 5))
    places = rng.random((4, 2))
    frame = MdtSpectra(forward, backward, places, scale=scale)
    path = write_mdt(tmp_path / "a.mdt", [frame])
    forth, back = read(path).channels
    assert (forth.title, back.title) == ("Iprobe forward", "Iprobe backward")
    names = ["point", "cycle", "bias"] if passes > 1 else ["point", "bias"]
    assert [axis.name for axis in forth.axes] == names
    for channel, values in ((forth, forward), (back, backward)):
        expected = values * scale + 0.5 if scale else values
        np.testing.assert_allclose(load(channel.data), expected if passes > 1 else expected[:, 0])
        np.testing.assert_allclose(channel.axes[-1].coordinate(), [1, 0.5, 0, -0.5, -1])
        np.testing.assert_allclose(channel.coordinates["x"].data, places[:, 0])
    assert (forth.quantity, forth.units) == ("current", "nA")
    assert om.validate(om.open(path)) == []


def test_texts_are_metadata_and_palettes_are_named(tmp_path):
    path = write_mdt(tmp_path / "a.mdt", [MdtText("made on mica", "Remark"), scan()])
    raw = path.read_bytes()
    palette = struct.pack("<IHBB6HH", 30, 107, 7, 3, 2015, 3, 10, 15, 11, 9, 0) + bytes(8)
    path.write_bytes(raw[:12] + b"\x02\0" + raw[14:] + palette)
    measurement = read(path)
    (text,) = measurement.original_metadata["texts"]
    assert (text["text"], text["title"]) == ("made on mica", "Remark")
    assert measurement.attrs["not_read"] == "a palette"
    assert len(measurement.channels) == 1


FRAMES = {
    "scan": scan(),
    "curves": MdtCurves([np.arange(4)] * 2, [np.arange(4)] * 2, np.eye(2)),
    "array": MdtArray([(MdtAxis(0, 2, "nm"), COUNTS)], [MdtAxis(), MdtAxis()]),
    "spectra": MdtSpectra(np.ones((2, 2, 3)), np.zeros((2, 2, 3)), np.eye(2)),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_handles_read_parts_and_survive_pickling(tmp_path, kind):
    for channel in read(write_mdt(tmp_path / "a.mdt", [FRAMES[kind]])).channels:
        whole = load(channel.data)
        copy = pickle.loads(pickle.dumps(channel.data))
        key = (slice(0, None, 2), 1, slice(1, 3))[: whole.ndim]
        np.testing.assert_array_equal(copy[key], whole[key])
        assert copy[(1,) * whole.ndim] == whole[(1,) * whole.ndim]


@pytest.mark.parametrize("kind", FRAMES)
def test_random_damage_gives_data_or_a_clear_error(tmp_path, kind):
    path = write_mdt(tmp_path / "a.mdt", [FRAMES[kind]])
    for damaged in bit_flips(path.read_bytes(), 40, np.random.default_rng(0)):
        check_damage(path, damaged, folder=tmp_path)


@pytest.mark.parametrize("kind", FRAMES)
def test_a_file_cut_anywhere_is_refused_by_name(tmp_path, kind):
    path = write_mdt(tmp_path / "cut.mdt", [FRAMES[kind]])
    raw = path.read_bytes()
    for length in range(0, len(raw), 7):
        path.write_bytes(raw[:length])
        with pytest.raises(FormatError, match=r"cut\.mdt"):
            read(path)
        for channel in read(path, partial=True).channels if length > 33 else []:
            load(channel.data)


def test_a_cut_scan_is_read_as_far_as_it_goes(tmp_path):
    path = write_mdt(tmp_path / "a.mdt", [scan(), scan()])
    raw = path.read_bytes()
    start = 33 + 22 + 442 + 8
    path.write_bytes(raw[: start + 2 * 7 * 2 + 3])
    channel = only(path, partial=True)
    values = load(channel.data)
    np.testing.assert_array_equal(values[-2:], COUNTS[-2:] * 0.5)
    assert np.isnan(values[:-2]).all()
    assert channel.attrs["incomplete"]["missing_from"] == 2


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, b"\0", "starts with 01 b0 93 ff"),
        (33, b"\xff\xff\xff\xff", "does not fit into"),
        (33, b"\x05\0\0\0", "does not fit into"),
        (33 + 22 + 442 + 2, b"\xff\xff", "are left"),
        (33 + 22 + 442 + 2, b"\0\0", "of 0 values"),
    ],
)
def test_headers_that_contradict_the_file_are_refused(tmp_path, at, value, message):
    path = write_mdt(tmp_path / "a.mdt", [scan()])
    raw = bytearray(path.read_bytes())
    raw[at : at + len(value)] = value
    path.write_bytes(raw)
    with pytest.raises(FormatError, match=message):
        read(path)


def test_values_of_unknown_types_are_named(tmp_path):
    path = write_mdt(tmp_path / "a.mdt", [FRAMES["array"]])
    raw = path.read_bytes()
    at = raw.rindex(struct.pack("<i", -2), 0, len(raw) - COUNTS.nbytes)
    path.write_bytes(raw[:at] + struct.pack("<i", -99) + raw[at + 4 :])
    with pytest.raises(UnsupportedFormatError, match="type -99 are not read"):
        read(path)
