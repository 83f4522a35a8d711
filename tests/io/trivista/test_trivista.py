"""TriVista files made by the independent encoder, and real ones."""

import hashlib
import json

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.trivista.reader import read
from omniscopy.testing.files.trivista import TriVistaDocument, write_trivista

rng = np.random.default_rng(7)
FRAMES = rng.normal(size=(6, 1, 5))
LABELS = [500.0, 501, 502.5, 504, 506]
X_AXIS = {"X-Axis": {"From": "-0.01", "Step": "0.005", "Points": "3"}}
Y_AXIS = {"Y-Axis": {"From": "2", "Step": "1", "Points": "2"}}


def signals(path):
    return list(om.signals(om.open(path)).values())


def only(path):
    (data,) = signals(path)
    return data


def test_a_spectrum_keeps_its_uneven_labels(tmp_path):
    path = write_trivista(tmp_path / "a.tvf", [TriVistaDocument(FRAMES[:1], LABELS)])
    data = only(path)
    assert data.dims == ("wavelength",)
    np.testing.assert_array_equal(data, FRAMES[0, 0])
    np.testing.assert_array_equal(data["wavelength"], LABELS)
    assert (data.attrs["units"], data["wavelength"].attrs["units"]) == ("counts", "nm")
    assert om.validate(om.open(path)) == []


@pytest.mark.parametrize(
    ("units", "dim"),
    [("ElectronVolt", "energy"), ("RelativeWavenumber", "wavenumber"), ("Furlong", "sample")],
)
def test_the_dimension_is_that_of_the_labels(tmp_path, units, dim):
    made = TriVistaDocument(FRAMES[:1], LABELS, units=units)
    assert only(write_trivista(tmp_path / "a.tvf", [made])).dims == (dim,)


def test_a_declaration_may_stand_first(tmp_path):
    path = write_trivista(tmp_path / "a.tvf", [TriVistaDocument(FRAMES[:1], LABELS)])
    raw = path.read_bytes()
    path.write_bytes(b'<?xml version="1.0" encoding="utf-8"?>\r\n' + raw[3:])
    np.testing.assert_array_equal(only(path), FRAMES[0, 0])


def test_frames_are_along_their_times(tmp_path):
    times = [10.0, 10.5, 11, 12, 13, 14.25]
    path = write_trivista(tmp_path / "a.tvf", [TriVistaDocument(FRAMES, LABELS, times=times)])
    data = only(path)
    assert data.dims == ("time", "wavelength")
    np.testing.assert_array_equal(data, FRAMES[:, 0])
    np.testing.assert_allclose(data["time"], np.subtract(times, 10), atol=1e-12)
    data = only(write_trivista(tmp_path / "b.tvf", [TriVistaDocument(FRAMES, LABELS)]))
    assert data.dims == ("frame", "wavelength")


def test_frames_of_a_stage_are_along_its_steps(tmp_path):
    made = TriVistaDocument(FRAMES, LABELS, groups={**X_AXIS, **Y_AXIS})
    data = only(write_trivista(tmp_path / "a.tvf", [made]))
    assert data.dims == ("y", "x", "wavelength")
    np.testing.assert_array_equal(data, FRAMES.reshape(2, 3, 5))
    np.testing.assert_allclose(data["x"], [-0.01, -0.005, 0])
    np.testing.assert_allclose(data["y"], [2, 3])
    assert "units" not in data["x"].attrs
    line = TriVistaDocument(FRAMES[:3], LABELS, groups=X_AXIS)
    assert only(write_trivista(tmp_path / "b.tvf", [line])).dims == ("x", "wavelength")
    other = TriVistaDocument(FRAMES[:4], LABELS, groups=X_AXIS)
    assert only(write_trivista(tmp_path / "c.tvf", [other])).dims == ("frame", "wavelength")


def test_images_have_rows(tmp_path):
    images = rng.normal(size=(2, 3, 5))
    data = only(write_trivista(tmp_path / "a.tvf", [TriVistaDocument(images, LABELS)]))
    assert data.dims == ("frame", "y", "wavelength")
    np.testing.assert_array_equal(data, images)


def test_pieces_of_a_glued_spectrum_and_further_documents_are_channels(tmp_path):
    piece = TriVistaDocument(FRAMES[:1, :, :3], LABELS[:3])
    glued = TriVistaDocument(FRAMES[:1], LABELS, pieces=[piece, piece])
    tree = om.open(write_trivista(tmp_path / "a.tvf", [glued, glued]))
    found = om.signals(tree)
    assert len(found) == 6
    assert sum(name.startswith("pieces/") for name in found) == 4
    np.testing.assert_array_equal(found["pieces/a_1_piece_2"], FRAMES[0, 0, :3])


def test_settings_fill_the_common_metadata(tmp_path):
    measurement = read(write_trivista(tmp_path / "a.tvf", [TriVistaDocument(FRAMES[:1], LABELS)]))
    (channel,) = measurement.channels
    assert channel.metadata == {
        "started": "2016-09-29T12:51:30.867",
        "instrument": {"vendor": "S&I", "model": "TriVista"},
        "laser": {"wavelength": 790.0},
        "spectrometer": {
            "model": "SP-2-750i", "grating": "750 g/mm", "centre_wavelength": 950.0,
        },
        "detector": {
            "name": "Camera1", "exposure_time": 1.0, "accumulations": 2.0, "temperature": 173.15,
        },
        "scan": {"mode": "Point by Point"},
    }  # fmt: skip
    assert json.loads(json.dumps(channel.original_metadata)) == channel.original_metadata
    odd = {"RecordTime": "soon", "InfoSerialized": "<Info"}
    made = TriVistaDocument(FRAMES[:1], LABELS, attributes=odd)
    (channel,) = read(write_trivista(tmp_path / "b.tvf", [made])).channels
    assert "started" not in channel.metadata
    assert channel.original_metadata["Info"] == {}


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"</XmlMain>": ""}, "damaged or cut short"),
        ({"Documents": "Others"}, "holds no documents"),
        ({"500.0|501.0": "500.0"}, "5 labels were expected, 4 were found"),
        ({"500.0|501.0": "500.0|soon"}, "what should be numbers are none"),
        ({'yDim Length="1"': 'yDim Length="2"'}, "2 x 5 numbers were expected, 5 were found"),
        ({'yDim Length="1"': 'yDim Length="-1"'}, "number of points was expected, '-1'"),
        ({'yDim Length="1"': 'yDim Length="9999999"'}, "9999999 points cannot be in frames"),
        ({"Frame": "Picture"}, "there are no frames|points cannot be"),
        ({"Ascii": "Base64"}, "numbers written as 'Base64' are not read"),
    ],
)
def test_damage_is_named(tmp_path, replaced, message):
    made = [TriVistaDocument(FRAMES[:1], LABELS)]
    path = write_trivista(tmp_path / "a.tvf", made, replaced=replaced)
    with pytest.raises(FormatError, match=rf"a\.tvf.*({message})") as caught:
        om.open(path)
    assert isinstance(caught.value, UnsupportedFormatError) == ("Base64" in message)


@pytest.mark.shared
def test_every_real_file_is_as_the_manifest_says(real_files):
    rows = real_files("trivista_tvf")
    assert len(rows) == 5
    for row in rows:
        found = signals(row["path"])
        # The reference leaves the 19 pieces of the glued spectrum out.
        assert len(found) == (20 if "glue" in row["file"] else 1)
        data, (said,) = found[0], row["signals"]
        assert list(data.shape) == said["shape"]
        assert hashlib.sha256(data.values.tobytes()).hexdigest()[:32] == said["sha256"]
        labels = data["wavelength"]
        spectral = said["axes"][-1]
        np.testing.assert_allclose(labels[[0, -1]], [spectral["first"], spectral["last"]])
        assert labels.attrs["units"] == spectral["units"]
        for dim, axis in zip(data.dims, said["axes"][:-1], strict=False):
            assert dim == axis["name"].lower()
            expected = axis["offset"] + axis["scale"] * np.arange(axis["size"])
            np.testing.assert_allclose(data[dim], expected, atol=1e-9)
            # The file does not say the unit of the stage; the reference supposes µm.
            assert data[dim].attrs.get("units") == (None if dim == "x" else axis["units"])
