"""Images of electron microscopes with their settings in a tag, or in a text beside them."""

import numpy as np
import pytest
from PIL import Image

import omniscopy as om
from omniscopy.testing.files.tiff import write_tiff

PIXELS = np.arange(24, dtype=np.uint8).reshape(4, 6)
HITACHI = """[SemImageFile]
InstructName=SU8230
DataSize=6x4
PixelSize=24.8
SignalName=SE(UL)
AcceleratingVoltage=15000 Volt
Magnification=40000
Date=03/17/2020
Time=12:30:05
"""
JEOL = """$CM_FORMAT JEOL-SEM
$CM_INSTRUMENT JSM-7600F
$CM_ACCEL_VOLT 15.0
$CM_MAG 5000
$CM_FULL_SIZE 6 4
$CM_DATE 2019/02/20
$$SM_MICRON_BAR 160
$$SM_MICRON_MARKER {marker}
"""
TESCAN = """[MAIN]
Date=2021-05-06
Time=10:11:12
Device=MIRA3
Magnification=20000
PixelSizeX=2.5e-09
PixelSizeY=5e-09
UserName=anna
[SEM]
HV=5000
DwellTime=1e-06
Detector=SE
StageX=0.001
StageTilt=10
"""
FEI = (
    '<?xml version="1.0"?><FeiImage><pixelWidth unit="nm">12.5</pixelWidth>'
    '<pixelHeight unit="um">0.025</pixelHeight><acquisition><scan>'
    '<highVoltage unit="kV">-15</highVoltage><detector>BSD</detector>'
    "</scan></acquisition></FeiImage>"
)
FIBICS = (
    '<?xml version="1.0" encoding="iso-8859-1"?><Fibics version="1.0"><Scan><Ux>0.003</Ux>'
    "<Uy>0.004</Uy><Vx>0.008</Vx><Vy>-0.006</Vy></Scan></Fibics>"
)


def steps(data, units):
    assert {data[dim].attrs["units"] for dim in "yx"} == {units}
    return [float(data[dim][1] - data[dim][0]) for dim in "yx"]


def write_image(path):
    if path.suffix == ".tif":
        return write_tiff(path, PIXELS)
    Image.fromarray(PIXELS).save(path)
    return path


@pytest.mark.parametrize("suffix", [".tif", ".png", ".bmp"])
@pytest.mark.parametrize("coding", ["utf-8", "utf-16"])
def test_hitachi_writes_a_text_beside(tmp_path, suffix, coding):
    path = write_image(tmp_path / f"a{suffix}")
    (tmp_path / "a.txt").write_bytes(HITACHI.replace("\n", "\r\n").encode(coding))
    data = om.open_signal(path)
    np.testing.assert_array_equal(data, PIXELS)
    assert steps(data, "nm") == pytest.approx([24.8, 24.8])
    said = data.attrs["metadata"]
    assert said["beam"] == {"voltage": 15000, "magnification": 40000}
    assert said["instrument"]["model"] == "SU8230"
    assert said["started"] == "2020-03-17T12:30:05"
    assert said["detector"]["name"] == "SE(UL)"
    assert data.attrs["modality"] == "SEM"


def test_an_image_of_another_size_has_other_pixels(tmp_path):
    path = write_image(tmp_path / "a.tif")
    (tmp_path / "a.txt").write_text(HITACHI.replace("6x4", "1280x960"))
    data = om.open_signal(path)
    assert "units" not in data["x"].attrs
    assert data.attrs["metadata"]["beam"]["voltage"] == 15000


@pytest.mark.parametrize(
    ("marker", "step", "units"), [("5um", 5 / 160, "µm"), ("500nm", 500 / 160, "nm")]
)
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_jeol_says_how_long_its_bar_is(tmp_path, suffix, marker, step, units):
    path = write_image(tmp_path / f"a{suffix}")
    (tmp_path / "a.txt").write_text(JEOL.format(marker=marker))
    data = om.open_signal(path)
    assert steps(data, units) == pytest.approx([step, step])
    said = data.attrs["metadata"]
    assert said["beam"] == {"voltage": 15000, "magnification": 5000}
    assert (said["instrument"]["vendor"], said["instrument"]["model"]) == ("JEOL", "JSM-7600F")
    assert said["started"] == "2019-02-20"


def check_tescan(data):
    assert steps(data, "m") == pytest.approx([5e-9, 2.5e-9])
    said = data.attrs["metadata"]
    assert said["beam"] == {"voltage": 5000, "magnification": 20000}
    assert said["scan"] == {"dwell_time": 1e-6}
    assert said["stage"] == {"x": 1e-3, "alpha": 10}
    assert (said["operator"], said["started"]) == ("anna", "2021-05-06T10:11:12")


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_tescan_writes_a_header_beside(tmp_path, suffix):
    path = write_image(tmp_path / f"a{suffix}")
    (tmp_path / f"a-{suffix[1:]}.hdr").write_text(TESCAN)
    check_tescan(om.open_signal(path))


def test_tescan_writes_a_tag_among_other_bytes(tmp_path):
    raw = b"\x01\x00\xff\xd8\n" + TESCAN.encode() + b"\x00\x02"
    path = write_tiff(tmp_path / "a.tif", PIXELS, extratags=[(50431, 1, len(raw), raw, True)])
    check_tescan(om.open_signal(path))


def test_phenom_and_maps_write_xml(tmp_path):
    raw = FEI.encode()
    path = write_tiff(tmp_path / "a.tif", PIXELS, extratags=[(34683, 1, len(raw), raw, True)])
    data = om.open_signal(path)
    assert steps(data, "m") == pytest.approx([25e-9, 12.5e-9])
    assert data.attrs["metadata"]["beam"] == {"voltage": 15000}
    assert data.attrs["metadata"]["detector"] == {"name": "BSD"}


def test_fibics_says_the_steps_of_columns_and_rows(tmp_path):
    path = write_tiff(tmp_path / "a.tif", PIXELS, extratags=[(51023, 2, 0, FIBICS, True)])
    assert steps(om.open_signal(path), "µm") == pytest.approx([0.010, 0.005])


@pytest.mark.parametrize("text", ["Notes of a day", "[SemImageFile]", "$CM_MAG x", "PixelSizeX=0"])
def test_other_texts_say_nothing(tmp_path, text):
    path = write_image(tmp_path / "a.tif")
    (tmp_path / "a.txt").write_text(text)
    data = om.open_signal(path)
    np.testing.assert_array_equal(data, PIXELS)
    assert "units" not in data["x"].attrs
