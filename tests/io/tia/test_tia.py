"""TIA series: bytes laid out by hand, and the real files."""

import hashlib
import struct

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.testing.files.tia import write_emi, write_ser
from omniscopy.testing.formats import check_reader

rng = np.random.default_rng(5)
SPECTRA = rng.integers(-50, 50, (6, 9)).astype(np.int32)
POSITIONS = rng.random((6, 2)) * 1e-9
EELS = ((-20.0, 0.2, 0),)
PIXELS = ((1e-9, 2e-10, 0), (3e-9, 4e-10, 1))
CONDITIONS = (
    "<ExperimentalConditions><MicroscopeConditions><AcceleratingVoltage>300000"
    "</AcceleratingVoltage></MicroscopeConditions></ExperimentalConditions>"
    "<ExperimentalDescription><Root>"
    "<Data><Label>Mode</Label><Value> STEM nP</Value><Unit></Unit></Data>"
    "<Data><Label>Stage X</Label><Value>-0.331</Value><Unit>um</Unit></Data>"
    "<Data><Label>Stage A</Label><Value>12.5</Value><Unit>deg</Unit></Data>"
    "<Data><Label>Camera length</Label><Value>0.560</Value><Unit>m</Unit></Data>"
    "</Root></ExperimentalDescription><AcquireDate>Mon Feb 22 11:56:27 2016</AcquireDate>"
)


def grid(rows, columns):
    return [
        (columns, 1e-9, 0.5e-9, 0, "Position", "meters"),
        (rows, -2e-9, -0.25e-9, rows, "Position", "meters"),
    ]


def test_an_image_has_row_0_on_top_and_its_calibration(tmp_path):
    image = rng.integers(0, 1000, (1, 4, 5)).astype(np.uint16)
    data = om.open_signal(write_ser(tmp_path / "a_1.ser", image, calibration=PIXELS))
    np.testing.assert_array_equal(data, image[0])
    np.testing.assert_allclose(data["x"], 1e-9 + 2e-10 * np.arange(5))
    # The calibration of rows is that of element 1, and the file begins with the lowest row.
    np.testing.assert_allclose(data["y"], 2.6e-9 + 4e-10 * np.arange(4)[::-1])
    assert data["y"].attrs["units"] == "m"


@pytest.mark.parametrize("version", [0x0210, 0x0220])
def test_a_spectrum_image_is_folded_by_its_positions(tmp_path, version):
    path = write_ser(
        tmp_path / "a_1.ser", SPECTRA, calibration=EELS, dimensions=grid(2, 3),
        positions=POSITIONS, version=version,
    )  # fmt: skip
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "energy_loss")
    np.testing.assert_array_equal(data, SPECTRA.reshape(2, 3, 9))
    np.testing.assert_allclose(data["x"], [1e-9, 1.5e-9, 2e-9])
    np.testing.assert_allclose(data["y"], [-1.5e-9, -1.75e-9])
    np.testing.assert_allclose(data["energy_loss"], -20 + 0.2 * np.arange(9))


def test_lines_and_points_keep_their_positions(tmp_path):
    line = [(6, 0.0, 2e-10, 0, "Position", "meters")]
    path = write_ser(tmp_path / "a_1.ser", SPECTRA, dimensions=line, positions=POSITIONS)
    data = om.open_signal(path)
    assert data.dims[0] == "x"
    np.testing.assert_allclose(data["x"], 2e-10 * np.arange(6))
    np.testing.assert_array_equal(data["position_y"], POSITIONS[:, 1])
    points = [(6, 0.0, 1.0, 0, "Position", "meters")]
    path = write_ser(tmp_path / "b_1.ser", SPECTRA, dimensions=points, positions=POSITIONS)
    data = om.open_signal(path)
    assert data.dims[0] == "point"
    np.testing.assert_array_equal(data["x"], POSITIONS[:, 0])
    assert data["x"].attrs["units"] == "m"


def test_images_at_positions_are_patterns(tmp_path):
    patterns = rng.random((6, 4, 5)).astype(np.float32)
    path = write_ser(
        tmp_path / "a_1.ser", patterns, calibration=[(-1e9, 1e8, 0)] * 2, dimensions=grid(2, 3)
    )
    data = om.open_signal(path)
    assert data.dims == ("y", "x", "ky", "kx")
    np.testing.assert_array_equal(data, patterns.reshape(2, 3, 4, 5))
    assert data["kx"].attrs["units"] == "1/m"


def test_a_description_gives_metadata_to_its_series(tmp_path):
    write_ser(tmp_path / "a_1.ser", SPECTRA, calibration=((0.0, 10.0, 0),))
    image = "<AcquireInfo><DwellTimePath>0.00001</DwellTimePath></AcquireInfo>"
    rays = "<AcquireInfo><NumberSpectra>24</NumberSpectra><ShapingTime>51.2</ShapingTime>"
    rays += "<IntegrationTime>0.05</IntegrationTime></AcquireInfo>"
    path = write_emi(tmp_path / "a.emi", [CONDITIONS + image, CONDITIONS + rays])
    for each in (path, tmp_path / "a_1.ser"):
        data = om.open_signal(each)
        assert data.dims == ("frame", "energy")
        assert data.attrs["modality"] == "EDS"
        metadata = data.attrs["metadata"]
        assert metadata["beam"]["voltage"] == 300e3
        assert metadata["stage"] == {"x": pytest.approx(-0.331e-6), "alpha": 12.5}
        assert metadata["detector"]["camera_length"] == 0.56
        assert metadata["detector"]["exposure_time"] == 0.05
        assert metadata["started"] == "2016-02-22T11:56:27"


def test_the_dwell_time_of_a_camera_is_its_exposure(tmp_path):
    image = rng.integers(0, 1000, (1, 4, 5)).astype(np.uint16)
    write_ser(tmp_path / "a_1.ser", image, calibration=PIXELS)
    camera = "<AcquireInfo><DwellTimePath>0.1</DwellTimePath><CameraNamePath>BM-Ceta"
    camera += "</CameraNamePath></AcquireInfo>"
    path = write_emi(tmp_path / "a.emi", [CONDITIONS + camera])
    metadata = om.open_signal(path).attrs["metadata"]
    assert metadata["detector"]["exposure_time"] == 0.1
    assert metadata["detector"]["name"] == "BM-Ceta"
    assert "scan" not in metadata


def test_an_unfinished_series_is_read_as_far_as_it_goes(tmp_path):
    path = write_ser(
        tmp_path / "a_1.ser", SPECTRA[:4], dimensions=grid(2, 3), positions=POSITIONS, total=6
    )
    data = om.open_signal(path)
    np.testing.assert_array_equal(data[1, 0], SPECTRA[3])
    assert not data[1, 1:].any()
    assert data.attrs["incomplete"]["missing_from"] == 4


def test_what_is_missing_or_damaged_is_named(tmp_path):
    with pytest.raises(om.FormatError, match=r"'a_1\.ser' was expected beside it"):
        om.open(write_emi(tmp_path / "a.emi", [CONDITIONS]))
    path = write_ser(tmp_path / "b_1.ser", SPECTRA)
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    with pytest.raises(om.FormatError, match="a series of 6 frames needs"):
        om.open(path)
    path.write_bytes(content[:6] + b"\x21\x41" + content[8:])
    with pytest.raises(om.FormatError, match="elements of type 0x4121"):
        om.open(path)
    uneven = bytearray(content)
    places = int.from_bytes(content[18 + 4 : 26], "little")
    uneven[places + 8] ^= 1
    path.write_bytes(uneven)
    with pytest.raises(UnsupportedFormatError, match="of different sizes or types"):
        om.open(path)


@pytest.mark.shared
def test_every_real_file_is_as_the_manifest_says(real_files):
    rows = real_files("tia_ser_emi")
    assert len(rows) == 9
    for row in rows:
        found = list(om.signals(om.open(row["path"])).values())
        assert len(found) == len(row["signals"])
        for data, said in zip(found, row["signals"], strict=True):
            assert list(data.shape) == said["shape"]
            assert hashlib.sha256(data.values.tobytes()).hexdigest()[:32] == said["sha256"]
            for dim, axis in zip(data.dims, said["axes"], strict=True):
                if dim == "point":
                    continue
                factor = 1e9 if axis["units"] == "nm" else 1.0
                step = float(data[dim][1] - data[dim][0])
                # The reference turns the rows of images, but not their places.
                if data.dims[-2:] in (("y", "x"), ("ky", "kx")) and dim == data.dims[-2]:
                    step = -step
                assert factor * step == pytest.approx(axis["scale"], rel=1e-6)


@pytest.mark.parametrize("images", [False, True])
def test_elements_may_lie_unevenly(tmp_path, images):
    elements = np.random.default_rng(3).integers(0, 999, (6, 4, 5) if images else (6, 7))
    elements = elements.astype(np.uint16)
    dims = [(3, 0.0, 1e-9, 0, "Position", "meters"), (2, 0.0, 2e-9, 0, "Position", "meters")]
    calibration = [(0.0, 1e8, 0)] * 2 if images else [(0.0, 5.0, 0)]
    path = write_ser(tmp_path / "a_1.ser", elements[:5], calibration=calibration, dimensions=dims,
                     total=6, gaps=[0, 3, 10, 0, 2, 0])  # fmt: skip
    check_reader("tia", path)
    data = om.open_signal(path)
    np.testing.assert_array_equal(data.values.reshape(6, *elements.shape[1:])[:5], elements[:5])
    assert not data[1, 2].any()
    assert data.attrs["incomplete"]["missing_from"] == 5


def test_elements_of_different_sizes_are_refused(tmp_path):
    elements = np.zeros((3, 7), np.uint16)
    path = write_ser(tmp_path / "a_1.ser", elements, gaps=[0, 1, 0])
    content = bytearray(path.read_bytes())
    stride = 22 + 8 + 14 + 8  # head of an element, its values, its tag
    at = content.index(struct.pack("<hi", 2, 7), len(content) - stride - 1)
    struct.pack_into("<i", content, at + 2, 6)
    path.write_bytes(content)
    with pytest.raises(UnsupportedFormatError, match="of different sizes or types"):
        om.open(path)


def test_the_dispersion_of_a_filter_is_not_that_of_rays(tmp_path):
    row = (
        "<Data><Label>Filter selected dispersion</Label><Value>0.20</Value>"
        "<Unit>eV/Channel</Unit></Data>"
    )
    tension = "<Data><Label>High tension</Label><Value>200</Value><Unit>kV</Unit></Data>"
    described = "<ExperimentalDescription><Root>" + row + tension
    described += "</Root></ExperimentalDescription><AcquireInfo><NumberSpectra>0</NumberSpectra>"
    rays = described + "<ShapingTime>1.0</ShapingTime></AcquireInfo>"
    for content, dispersion in ((described + "</AcquireInfo>", 0.2), (rays, None)):
        write_ser(tmp_path / "a_1.ser", SPECTRA, calibration=EELS)
        path = write_emi(tmp_path / "a.emi", [content])
        said = om.open_signal(path).attrs["metadata"]
        assert said.get("detector", {}).get("dispersion") == dispersion
        assert said["beam"]["voltage"] == 200e3
