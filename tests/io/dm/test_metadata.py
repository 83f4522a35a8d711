"""Metadata of DigitalMicrograph files."""

import json

import numpy as np
import pytest

from omniscopy.io.dm.reader import read
from omniscopy.model.vocabulary import METADATA
from omniscopy.testing.files.dm import DmImage, gatan_tags, write_dm3, write_dm4


def flat(tree, prefix=""):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def metadata_of(tmp_path, tags):
    write_dm4(tmp_path / "a.dm4", DmImage(data=np.zeros(3), name="a", tags=tags))
    (channel,) = read(tmp_path / "a.dm4").channels
    return dict(flat(channel.metadata))


def test_common_metadata_are_in_the_units_of_the_vocabulary(tmp_path):
    found = metadata_of(tmp_path, gatan_tags())
    assert set(found) <= set(METADATA)
    assert found == {
        "title": "a",
        "started": "2019-12-14T13:30:41",
        "technique": "EELS",
        "operator": "R. Hooke",
        "sample.name": "SrTiO3",
        "instrument.model": "Titan",
        "instrument.software": "Gatan DigitalMicrograph 3.51.3720.0",
        "beam.voltage": 200e3,
        "beam.current": 0.05e-9,
        "beam.magnification": 1.3e6,
        "beam.mode": "STEM NANOPROBE",
        "beam.convergence_angle": 30.0,
        "detector.name": "GIF CCD",
        "detector.collection_angle": 33.0,
        "detector.camera_length": 0.115,
        "detector.dispersion": 0.25,
        "detector.exposure_time": 0.04,
        "scan.dwell_time": 0.05,
        "scan.rotation": 15.0,
        "stage.x": -469.984e-6,
        "stage.y": 122.856e-6,
        "stage.z": -210.385e-6,
        "stage.alpha": -0.5,
        "stage.beta": 1.25,
    }


def test_metadata_of_x_rays_hold_the_times_of_the_detector(tmp_path):
    found = metadata_of(tmp_path, gatan_tags(signal="X-ray"))
    assert found["technique"] == "EDS"
    assert (found["detector.live_time"], found["detector.real_time"]) == (58.5, 60.0)
    assert found["detector.dispersion"] == 10.0
    assert (found["detector.elevation_angle"], found["detector.azimuth_angle"]) == (18.0, 45.0)


@pytest.mark.parametrize(
    ("illumination", "beam", "detector"),
    [("TEM", {}, {"camera_length": 0.32}), ("STEM", {"magnification": 320.0}, {})],
)
def test_a_broad_beam_in_diffraction_has_a_camera_length(tmp_path, illumination, beam, detector):
    info = {
        "Illumination Mode": illumination,
        "Imaging Mode": "DIFFRACTION",
        "Indicated Magnification": 320.0,
    }
    found = metadata_of(tmp_path, {"Microscope Info": info})
    expected = {f"beam.{key}": value for key, value in beam.items()}
    expected |= {f"detector.{key}": value for key, value in detector.items()}
    keys = ("beam.magnification", "detector.camera_length")
    assert {key: found[key] for key in keys if key in found} == expected


def test_metadata_of_luminescence_hold_the_spectrograph(tmp_path):
    acquisition = {
        "Number of frames": 3,
        "Central wavelength (nm)": 320.25,
        "Dispersion grating (lines/mm)": 300.0,
    }
    found = metadata_of(tmp_path, {"CL": {"Acquisition": acquisition}})
    assert found["detector.accumulations"] == 3
    assert found["spectrometer.centre_wavelength"] == 320.25
    assert found["spectrometer.grating"] == "300 lines/mm"
    tags = {"EELS Spectrometer": {"Instrument name": "Enfinium ER"}}
    assert metadata_of(tmp_path, tags)["spectrometer.model"] == "Enfinium ER"


def test_a_dwell_time_of_the_scan_is_in_microseconds_in_the_file(tmp_path):
    assert metadata_of(tmp_path, {"DigiScan": {"Sample Time": 20.0}})["scan.dwell_time"] == 20e-6


def test_zero_means_unknown_where_nothing_can_be_zero(tmp_path):
    tags = {
        "Microscope Info": {
            "Voltage": 0.0,
            "Probe Current (nA)": 0.0,
            "STEM Camera Length": 0.0,
            "Name": "Unknown",
            "Stage Position": {"Stage Alpha": 0.0},
        }
    }
    found = metadata_of(tmp_path, tags)
    assert found["stage.alpha"] == 0.0
    for path in ("beam.voltage", "beam.current", "detector.camera_length", "instrument.model"):
        assert path not in found


def test_metadata_of_an_odd_type_are_passed_over(tmp_path):
    tags = {
        "Microscope Info": {"Voltage": "200 kV", "Name": 3.0, "Stage Position": 4.0},
        "EELS": "none",
        "DataBar": {"Acquisition Date": 5.0, "Acquisition Time": True},
        "Meta Data": {"Format": 1.0, "Signal": [1.0]},
        "DigiScan": {"Sample Time": float("nan"), "Rotation": True},
    }
    found = metadata_of(tmp_path, tags)
    assert set(found) == {"title", "technique", "instrument.software"}


@pytest.mark.parametrize(
    ("info", "modality"),
    [
        ({"Illumination Mode": "STEM NANOPROBE"}, "STEM"),
        ({"Illumination Mode": "TEM"}, "TEM"),
        ({"Illumination Mode": "SEM"}, "SEM"),
        ({"Operation Mode": "SCANNING"}, "STEM"),
        ({"Operation Mode": "IMAGING"}, "TEM"),
        ({}, None),
    ],
)
def test_the_modality_is_that_of_the_microscope(tmp_path, info, modality):
    write_dm4(tmp_path / "a.dm4", DmImage(data=np.zeros((2, 2)), tags={"Microscope Info": info}))
    assert read(tmp_path / "a.dm4").channels[0].modality == modality


def test_a_stack_has_the_metadata_of_the_image_it_was_made_of(tmp_path):
    found = metadata_of(tmp_path, {"source": {"Tags at creation": gatan_tags()}})
    assert found["beam.voltage"] == 200e3
    assert found["started"] == "2019-12-14T13:30:41"


CLOCK = 1.3116801150052632e17  # 2016-08-27 19:52:30 UTC


@pytest.mark.parametrize(
    ("tags", "started"),
    [
        ({"Acquisition Date": "27/08/2016", "Acquisition Time": "20:52:30"}, "2016-08-27T20:52:30"),
        (
            {"Acquisition Date": "8/27/2016", "Acquisition Time": "8:52:30 PM"},
            "2016-08-27T20:52:30",
        ),
        (
            {"Acquisition Date": "27/08/2016", "Acquisition Time": "08:52:30 p.m."},
            "2016-08-27T20:52:30",
        ),
        ({"Acquisition Date": "27.08.2016", "Acquisition Time": "20:52:30"}, "2016-08-27T20:52:30"),
        ({"Acquisition Date": "04.08.2016", "Acquisition Time": "0:02:03"}, "2016-08-04T00:02:03"),
        ({"Acquisition Date": "2016-08-04", "Acquisition Time": "20:52"}, "2016-08-04T20:52:00"),
        ({"Acquisition Date": "2016/8/4", "Acquisition Time": "12:10 AM"}, "2016-08-04T00:10:00"),
        ({"Acquisition Date": "8/8/2016", "Acquisition Time": "12:10 PM"}, "2016-08-08T12:10:00"),
        ({"Acquisition Date": "04/11/2020", "Acquisition Time": "14:41:01"}, None),
        ({"Acquisition Date": "27/08/2016"}, "2016-08-27"),
        ({"Acquisition Date": "27/08/2016", "Acquisition Time": "下午 8:52:30"}, "2016-08-27"),
        ({"Acquisition Date": "31/31/2016"}, None),
        ({"Acquisition Date": "27/08/0016"}, None),
        ({"Acquisition Date": "yesterday"}, None),
        ({"Acquisition Time (OS)": CLOCK}, "2016-08-27T19:52:30+00:00"),
        (
            {
                "Acquisition Date": "27/08/2016",
                "Acquisition Time": "20:52:30",
                "Acquisition Time (OS)": CLOCK,
            },
            "2016-08-27T20:52:30+01:00",
        ),
        ({"Acquisition Time (OS)": 0.0}, None),
    ],
)
def test_the_start_is_told_as_far_as_the_text_can_be_understood(tmp_path, tags, started):
    assert metadata_of(tmp_path, {"DataBar": tags}).get("started") == started


def test_the_clock_decides_between_day_and_month(tmp_path):
    tags = {"Acquisition Time": "20:52:30", "System Info": CLOCK + 9 * 864e9}  # 5 September
    for text in ("05/09/2016", "9/5/2016"):
        found = metadata_of(tmp_path, {"DataBar": {**tags, "Acquisition Date": text}})
        assert found["started"] == "2016-09-05T20:52:30+01:00"


def test_the_stamp_of_the_scan_decides_between_day_and_month(tmp_path):
    tags = {
        "DataBar": {"Acquisition Date": "04/11/2020", "Acquisition Time": "14:41:01"},
        "DigiScan": {"TimeStamp": "Wed Nov 04 14:41:00 2020\u2028"},
    }
    assert metadata_of(tmp_path, tags)["started"] == "2020-11-04T14:41:01"


@pytest.mark.parametrize("write", [write_dm3, write_dm4])
@pytest.mark.parametrize("little_endian", [True, False])
def test_the_tags_of_the_vendor_are_kept_whole(tmp_path, write, little_endian):
    tags = {
        "text": "µ and Ω",
        "empty": "",
        "number": 2.5,
        "small": np.float32(0.5),
        "big": 2**40,
        "octet": np.uint8(200),
        "truth": True,
        "pair": (np.int16(-3), np.float32(0.25)),
        "few": np.array([1, 2, 3], np.int32),
        "nested": {"deeper": {"deepest": [1.0, "two", {"three": 3}]}},
        "Emission Current (µA)": 222.0,
    }
    image = DmImage(data=np.zeros((2, 2)), tags=tags)
    write(tmp_path / "a", image, little_endian=little_endian, tags={"Unknown Group": {"a": 1}})
    measurement = read(tmp_path / "a")
    kept = measurement.channels[0].original_metadata["ImageTags"]
    assert kept == {
        **tags,
        "pair": [-3, 0.25],
        "few": [1, 2, 3],
        "nested": {"deeper": {"deepest": {"0": 1.0, "1": "two", "2": {"three": 3}}}},
    }
    assert measurement.original_metadata["Unknown Group"] == {"a": 1}
    json.dumps([measurement.original_metadata, measurement.channels[0].original_metadata])


def test_large_arrays_are_left_out_of_the_tags(tmp_path):
    tags = {"Reference": {"Dark": np.zeros(5000), "Mean": 3.0}}
    write_dm4(tmp_path / "a.dm4", DmImage(data=np.zeros((40, 50)), tags=tags))
    kept = read(tmp_path / "a.dm4").channels[0].original_metadata
    assert kept["ImageTags"] == {"Reference": {"Mean": 3.0}}
    assert "Data" not in kept["ImageData"]
    assert kept["ImageData"]["Dimensions"] == {"0": 50, "1": 40}


def test_names_that_come_twice_are_numbered(tmp_path):
    write_dm4(tmp_path / "a.dm4", DmImage(data=np.zeros(2), tags={"abc": 1, "abd": 2}))
    raw = (tmp_path / "a.dm4").read_bytes()
    (tmp_path / "a.dm4").write_bytes(raw.replace(b"abd", b"abc"))
    tags = read(tmp_path / "a.dm4").channels[0].original_metadata["ImageTags"]
    assert tags == {"abc": 1, "abc_1": 2}
