"""TIFF: calibrations and metadata of each vendor, and the real files."""

import hashlib
import importlib.util
import json

import numpy as np
import pytest
import tifffile

from omniscopy.io.errors import MissingDependencyError
from omniscopy.io.tiff.reader import read
from omniscopy.testing.files.tiff import (
    encode_dm_tags,
    encode_fei_tag,
    encode_sightx_text,
    encode_tvips_tag,
    encode_zeiss_tag,
    write_tiff,
)

FEI = {
    "User": {"User": "supervisor", "UserText": "Grain 3"},
    "System": {"SystemType": "Helios NanoLab", "Software": "5.5.1"},
    "Beam": {"HV": 5000, "Beam": "EBeam", "ScanRotation": 1.5},
    "EBeam": {"BeamCurrent": 6.25e-12, "HFW": 0.2, "VFW": 0.1},
    "Scan": {"PixelWidth": 3e-9, "PixelHeight": 2e-9, "Dwelltime": 1e-5, "FrameTime": 2.5},
    "Image": {"ResolutionX": 100, "ResolutionY": 40},
    "Stage": {"StageX": 1e-3, "StageY": -2e-3, "StageZ": 4e-3, "StageT": 0.1},
    "Detectors": {"Name": "ETD"},
    "PrivateFei": {"TimeOfCreation": "13.06.2016 17:06:40"},
}
ZEISS = {
    "AP_IMAGE_PIXEL_SIZE": "Image Pixel Size = 2.5 nm",
    "AP_ACTUALKV": "EHT = 3.00 kV",
    "AP_IPROBE": "I Probe = 200 pA",
    "AP_STAGE_AT_X": "Stage at X = 70.1 mm",
    "DP_DETECTOR_CHANNEL": "Signal A = InLens",
}


def image(shape=(4, 6)):
    return np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)


def write(path, data=None, **options):
    data = image() if data is None else data
    return write_tiff(path, data, photometric="minisblack", **options)


def axes_of(path):
    return [
        (a.name, a.scale, a.offset, a.units)
        for channel in read(path).channels[:1]
        for a in channel.axes
    ]


def test_plain_resolution_is_no_calibration(tmp_path):
    path = write(tmp_path / "a.tif", resolution=(300, 300), resolutionunit="INCH")
    assert axes_of(path) == [("y", 1.0, 0.0, None), ("x", 1.0, 0.0, None)]


def test_fei_pixels_are_in_metres(tmp_path):
    path = write(tmp_path / "a.tif", extratags=[encode_fei_tag(FEI)])
    assert axes_of(path) == [("y", 2e-9, 0.0, "m"), ("x", 3e-9, 0.0, "m")]


def test_fei_metadata_are_in_common_units(tmp_path):
    (channel,) = read(write(tmp_path / "a.tif", extratags=[encode_fei_tag(FEI)])).channels
    metadata = channel.metadata
    assert channel.modality == "SEM"
    assert metadata["started"] == "2016-06-13T17:06:40"
    assert (metadata["operator"], metadata["comment"]) == ("supervisor", "Grain 3")
    assert metadata["instrument"]["model"] == "Helios NanoLab"
    assert metadata["beam"] == {"voltage": 5000.0, "current": 6.25e-12}
    assert metadata["detector"] == {"name": "ETD"}
    assert metadata["scan"]["dwell_time"] == 1e-5
    assert metadata["scan"]["frame_time"] == 2.5
    assert metadata["scan"]["rotation"] == pytest.approx(85.9437, abs=1e-4)
    assert metadata["stage"]["y"] == -2e-3
    assert metadata["stage"]["alpha"] == pytest.approx(5.72958, abs=1e-5)
    assert channel.original_metadata["FEI_HELIOS"]["Detectors"] == {"Name": "ETD"}


def test_the_navigation_camera_has_the_pixels_of_its_field_of_view(tmp_path):
    tree = {**FEI, "Beam": {"Beam": "IRBeam"}, "IRBeam": {"HFW": 0.2, "VFW": 0.1}, "Scan": {}}
    path = write(tmp_path / "a.tif", extratags=[encode_fei_tag(tree)])
    assert axes_of(path) == [("y", 0.0025, 0.0, "m"), ("x", 0.002, 0.0, "m")]
    assert read(path).channels[0].modality is None


@pytest.mark.parametrize("value", ["notafloat", "", "-1", "0", "inf", "1e999"])
def test_a_pixel_size_that_is_none_is_no_calibration(tmp_path, value):
    tree = {"Beam": {"HV": value}, "Scan": {"PixelWidth": value, "PixelHeight": value}}
    path = write(tmp_path / "a.tif", extratags=[encode_fei_tag(tree)])
    assert axes_of(path) == [("y", 1.0, 0.0, None), ("x", 1.0, 0.0, None)]


@pytest.mark.parametrize(("text", "wanted"), [("Mag = 42.90 K X", 42900.0), ("Mag = 80 X", 80.0)])
def test_further_metadata_of_zeiss(tmp_path, text, wanted):
    said = ZEISS | {
        "AP_MAG": text,
        "AP_SCANROTATION": "Scan Rotation = 12.5 °",
        "AP_STAGE_AT_T": "Stage at T = 3.0 °",
        "AP_DATE": "Date :18 Jun 2014",
        "AP_TIME": "Time :14:03:01",
        "SV_USER_NAME": "User Name = Jane",
    }
    path = write(tmp_path / "a.tif", extratags=[encode_zeiss_tag(said)])
    (channel,) = read(path).channels
    metadata = channel.metadata
    assert metadata["beam"]["magnification"] == pytest.approx(wanted)
    assert metadata["scan"]["rotation"] == 12.5
    assert metadata["stage"]["alpha"] == 3.0
    assert (metadata["started"], metadata["operator"]) == ("2014-06-18T14:03:01", "Jane")


def test_zeiss_pixels_and_metadata(tmp_path):
    path = write(tmp_path / "a.tif", extratags=[encode_zeiss_tag(ZEISS)])
    assert axes_of(path) == [("y", 2.5, 0.0, "nm"), ("x", 2.5, 0.0, "nm")]
    (channel,) = read(path).channels
    assert channel.modality == "SEM"
    assert channel.metadata["instrument"]["vendor"] == "Zeiss"
    assert channel.metadata["beam"]["voltage"] == 3000.0
    assert channel.metadata["beam"]["current"] == pytest.approx(200e-12)
    assert channel.metadata["detector"] == {"name": "InLens"}
    assert channel.metadata["stage"]["x"] == pytest.approx(0.0701)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("2.5 nm", (2.50176, "nm")),  # as rounded in the text
        (None, (2.50176e-9, "m")),
        ("3.5 nm", (3.5, "nm")),  # not that number
    ],
)
def test_zeiss_pixels_are_exact_in_numbers_without_names(tmp_path, said, expected):
    # The fourth number is the pixel of an image 1024 pixels wide, and the image is 6 wide.
    numbers = [0, 0, 0, 2.50176e-9 * 6 / 1024, 1.0]
    named = {} if said is None else {"AP_IMAGE_PIXEL_SIZE": f"Image Pixel Size = {said}"}
    tag = encode_zeiss_tag({**named, "AP_ACTUALKV": "EHT = 3.00 kV"}, numbers)
    path = write(tmp_path / "a.tif", extratags=[tag])
    for name, step, offset, units in axes_of(path):
        assert (name in "yx", offset, units) == (True, 0.0, expected[1])
        assert step == pytest.approx(expected[0], rel=1e-6)


def test_digitalmicrograph_has_scales_and_offsets(tmp_path):
    tags = encode_dm_tags(scale=(0.5, 0.25), offset=(-7.0, 3.0), units="µm")
    assert axes_of(write(tmp_path / "a.tif", extratags=tags)) == [
        ("y", 0.5, -7.0, "µm"),
        ("x", 0.25, 3.0, "µm"),
    ]


def test_tvips_pixels_are_in_nanometres(tmp_path):
    tag = encode_tvips_tag(pixel_size=(0.5, 0.25), magnification=80000, camera="TemCam-F416")
    path = write(tmp_path / "a.tif", extratags=[tag])
    assert axes_of(path) == [("y", 0.5, 0.0, "nm"), ("x", 0.25, 0.0, "nm")]
    (channel,) = read(path).channels
    assert channel.modality == "TEM"
    assert channel.metadata["detector"] == {"name": "TemCam-F416"}
    assert channel.metadata["beam"] == {"magnification": 80000.0}


def test_imagej_stacks_have_their_units_and_spacing(tmp_path):
    path = write(
        tmp_path / "a.tif",
        image((3, 4, 6)),
        imagej=True,
        resolution=(4.0, 2.0),
        metadata={"unit": "micron", "spacing": 2.5, "axes": "ZYX"},
    )
    assert axes_of(path) == [
        ("z", 2.5, 0.0, "µm"),
        ("y", 0.5, 0.0, "µm"),
        ("x", 0.25, 0.0, "µm"),
    ]


def test_imagej_units_of_pixels_are_no_calibration(tmp_path):
    path = write(tmp_path / "a.tif", imagej=True, resolution=(4.0, 2.0), metadata={"unit": "pixel"})
    assert axes_of(path) == [("y", 1.0, 0.0, None), ("x", 1.0, 0.0, None)]


def test_imagej_channels_are_channels_and_time_has_its_interval(tmp_path):
    data = image((3, 2, 4, 6))
    path = write(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "TCYX", "finterval": 0.1})
    channels = read(path).channels
    assert [c.title for c in channels] == ["channel 1", "channel 2"]
    assert axes_of(path)[0] == ("time", 0.1, 0.0, "s")
    np.testing.assert_array_equal(channels[1].data[:, :, :], data[:, 1])


def test_a_streak_camera_has_wavelength_and_time(tmp_path):
    text = (
        '[Scaling],ScalingXType="1",ScalingXScale="0.25",ScalingXUnit="nm",'
        'ScalingYType="1",ScalingYScale="1.5",ScalingYUnit="ps"'
    )
    assert axes_of(write(tmp_path / "a.tif", description=text)) == [
        ("time", 1.5, 0.0, "ps"),
        ("wavelength", 0.25, 0.0, "nm"),
    ]


def test_a_streak_camera_may_list_its_times_and_wavelengths(tmp_path):
    # Tables of labels are anywhere in the file; here they are behind it.
    times = np.array([1.0, 2.5, 4.5, 7.0], "<f4")
    path = tmp_path / "a.tif"
    start = 10**6
    for _ in range(2):  # how long the file is does not depend on where it says they are
        text = (
            '[Scaling],ScalingXType="1",ScalingXScale="1",ScalingXUnit="No unit",'
            'ScalingXScalingFile="Other",ScalingYType="2",ScalingYScale="1",ScalingYUnit="ps",'
            f'ScalingYScalingFile="#{start:07},0004"'
        )
        write(path, description=text)
        assert axes_of(path)[0][0] == "y"  # nothing is at that place
        start = path.stat().st_size
    path.write_bytes(path.read_bytes() + times.tobytes())
    ((time, x),) = [channel.axes for channel in read(path).channels]
    assert (time.name, time.units) == ("time", "ps")
    np.testing.assert_array_equal(time.coordinate(), times)
    assert (x.name, x.units) == ("x", None)


@pytest.mark.parametrize(
    ("mode", "selected", "unit", "expected"),
    [
        # A pixel of the camera is 10 µm: 1000 in a centimetre.
        ("MAG", 20000.0, "X", [("y", 0.5, 0.0, "nm"), ("x", 0.5, 0.0, "nm")]),
        # 10 µm at 80 cm are 12.5 µrad; 120 kV electrons have a wavelength of 3.34922 pm.
        ("DIFF", 80.0, "cm", [("ky", 1.25e-5 / 3.34922e-3, 0, "1/nm")]),
        ("DIFF", 800.0, "mm", [("ky", 1.25e-5 / 3.34922e-3, 0, "1/nm")]),
        ("DIFF", 800.0, "?", [("y", 1.0, 0, None)]),
        ("LOWMAG", 800.0, "X", [("y", 1.0, 0, None)]),
    ],
)
def test_sightx_pixels_are_those_of_the_camera_over_its_setting(
    tmp_path, mode, selected, unit, expected
):
    text = encode_sightx_text(mode=mode, selected=selected, unit=unit)
    path = write(
        tmp_path / "a.tif",
        description=text,
        resolution=(1000, 1000),
        resolutionunit=3,
        extratags=[(271, 2, 9, b"JEOL Ltd.", True)],
    )
    for found, wanted in zip(axes_of(path), expected, strict=False):
        assert (found[0], found[3]) == (wanted[0], wanted[3])
        assert found[1:3] == pytest.approx(wanted[1:3], rel=1e-5)
    (channel,) = read(path).channels
    metadata = channel.metadata
    assert metadata["beam"]["voltage"] == 120e3
    assert metadata["instrument"]["model"] == "JEM-1400Flash"
    assert metadata["stage"] == {"alpha": 1.5, "beta": -2.0}
    assert metadata["detector" if unit in ("cm", "mm") else "beam"].get("camera_length") == (
        0.8 if unit in ("cm", "mm") else None
    )


def test_digitalmicrograph_has_the_scale_of_its_pages(tmp_path):
    tags = encode_dm_tags(scale=(0.2, 0.1), offset=(1, 2), units="nm", pages=(2.5, 1.0, "s"))
    path = write(tmp_path / "a.tif", image((3, 4, 6)), extratags=tags)
    assert axes_of(path) == [
        ("time", 2.5, 1.0, "s"),
        ("y", 0.2, 1.0, "nm"),
        ("x", 0.1, 2.0, "nm"),
    ]


def test_tvips_says_more_of_the_microscope_and_no_scale_of_diffraction(tmp_path):
    known = {
        "voltage": 99e3,
        "exposure": 400.0,
        "stage": (0.0, -9.25e-5, 7e-6),
        "magnification": 32e3,
    }
    tag = encode_tvips_tag(pixel_size=(2, 2), **known)
    (channel,) = read(write(tmp_path / "a.tif", extratags=[tag])).channels
    metadata = channel.metadata
    assert metadata["beam"] == {"voltage": 99e3, "magnification": 32e3}
    assert metadata["detector"]["exposure_time"] == pytest.approx(0.4)
    assert metadata["stage"]["y"] == pytest.approx(-9.25e-5)
    tag = encode_tvips_tag(pixel_size=(2, 2), mode=3, **known)
    path = write(tmp_path / "b.tif", extratags=[tag])
    assert axes_of(path)[0] == ("y", 1.0, 0.0, None)
    assert "magnification" not in read(path).channels[0].metadata["beam"]


def write_ome(path, **changes):
    metadata = {
        "axes": "TCYX",
        "PhysicalSizeX": 0.25,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 500,
        "PhysicalSizeYUnit": "nm",
        "TimeIncrement": 2.0,
        "TimeIncrementUnit": "ms",
        "Channel": {"Name": ["DAPI", "GFP"]},
    }
    return write(path, image((3, 2, 4, 6)), ome=True, metadata={**metadata, **changes})


def test_ome_images_have_units_names_and_time(tmp_path):
    path = write_ome(tmp_path / "a.ome.tif")
    assert axes_of(path) == [
        ("time", 2.0, 0.0, "ms"),
        ("y", 500.0, 0.0, "nm"),
        ("x", 0.25, 0.0, "µm"),
    ]
    channels = read(path).channels
    assert [c.title for c in channels] == ["DAPI", "GFP"]
    np.testing.assert_array_equal(channels[1].data[2], image((3, 2, 4, 6))[2, 1])


def test_entities_of_an_ome_text_are_not_expanded(tmp_path):
    text = (
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]>'
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels DimensionOrder="XYCZT" ID="Pixels:0" SizeX="6" SizeY="4" SizeC="1" SizeZ="1" '
        'SizeT="1" Type="uint8" PhysicalSizeX="0.1"><TiffData/></Pixels></Image>&a;</OME>'
    )
    path = tmp_path / "a.ome.tif"
    write(path, description=text)
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
    assert axes_of(path) == [("y", 1.0, 0.0, None), ("x", 1.0, 0.0, None)]
    np.testing.assert_array_equal(read(path).channels[0].data[:, :], image())


def test_general_tags_are_metadata(tmp_path):
    tags = [(271, 2, 5, "Leica", True), (315, 2, 3, "Ada", True)]
    path = write(tmp_path / "a.tif", datetime="2018:11:15 19:42:31", software="LAS", extratags=tags)
    (channel,) = read(path).channels
    assert channel.metadata == {
        "started": "2018-11-15T19:42:31",
        "operator": "Ada",
        "instrument": {"vendor": "Leica", "software": "LAS"},
    }
    assert channel.original_metadata["Artist"] == "Ada"
    json.dumps(channel.original_metadata)


REAL = [
    "tiff/FEI-Helios-Ebeam-8bits.tif",
    "tiff/FEI-Helios-navcam-with-no-IRBeam-bad-floats.tif",
    "tiff/FEI-Helios-navcam.tif",
    "tiff/olympus_SIS.tif",
    "tiff/optical_Zeiss_AxioVision_RGB.tif",
    "tiff/test_loading_image_saved_with_DM.tif",
    "tiff/test_loading_image_saved_with_imageJ_no_scale.tif",
    "tiff/test_loading_image_saved_with_imageJ_stack.tif",
]


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
def test_real_files_have_the_values_of_the_manifest(shared, real_files, name):
    vendor = shared / "data/vendor"
    (entry,) = [e for e in real_files() if e["file"] == name]
    channels = read(vendor / name).channels
    for channel, expected in zip(channels, entry["signals"], strict=True):
        colour = expected["dtype"].startswith("[")
        shape = [*expected["shape"], 3] if colour else expected["shape"]
        assert list(channel.data.shape) == shape
        assert channel.data.dtype == ("uint8" if colour else expected["dtype"])
        for axis, there in zip(channel.axes, expected["axes"], strict=False):
            assert axis.scale == pytest.approx(there["scale"], rel=1e-4)
            assert axis.offset == pytest.approx(there["offset"])
            # The reference gives the spacing of ImageJ's slices without its unit.
            assert axis.units == ("µm" if axis.name == "z" else there["units"])
        try:
            values = channel.data[tuple(slice(None) for _ in channel.data.shape)]
        except MissingDependencyError:
            assert importlib.util.find_spec("imagecodecs") is None
            assert (name, colour) == ("tiff/olympus_SIS.tif", True)
            continue
        assert hashlib.sha256(values.tobytes()).hexdigest()[:32] == expected["sha256"]


@pytest.mark.shared
def test_every_real_tiff_file_is_tested(real_files):
    entries = real_files()
    assert {e["file"] for e in entries if e["format"] == "tiff"} == set(REAL)
