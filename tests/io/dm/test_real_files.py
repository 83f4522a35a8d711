"""Real DM3 and DM4 files, against what other readers made of them."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from omniscopy.io.dm.reader import read
from omniscopy.io.records import Channel
from omniscopy.model.units import spell

pytestmark = pytest.mark.shared

FOLDER = Path(__file__).resolve().parents[4] / "shared/data/vendor"
PACKED = "dm4/test_fft_packed_complex8.dm4"


def entries() -> list[dict]:
    manifest = FOLDER / "MANIFEST.json"
    if not manifest.is_file():
        return []
    files = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    return [file for file in files if file["format"] in ("dm3", "dm4")]


every_file = pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry["file"])


def values(channel: Channel) -> np.ndarray:
    return channel.data[(slice(None),) * len(channel.data.shape)]


def sha(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:32]


@every_file
def test_pixels_are_those_of_the_reference(shared, entry):
    channels = read(FOLDER / entry["file"]).channels
    assert len(channels) == entry["n_signals"]
    for channel, signal in zip(channels, entry["signals"], strict=True):
        assert channel.title == signal["title"]
        found = values(channel)
        if "'R'" in signal["dtype"]:
            # The reference has red, green, blue and an unused byte in one record.
            found = np.concatenate([found, np.zeros_like(found[..., :1])], axis=-1)
            found = np.ascontiguousarray(found).view("u1,u1,u1,u1")[..., 0]
        elif entry["file"] == PACKED:
            # The reference loses the last column of a transform of odd width.
            found = found[:, :4]
        assert list(found.shape) == signal["shape"]
        assert found.dtype.kind == "V" or str(found.dtype) == signal["dtype"]
        assert sha(found) == signal["sha256"]


@every_file
def test_axes_are_those_of_the_reference(shared, entry):
    for channel, signal in zip(
        read(FOLDER / entry["file"]).channels, entry["signals"], strict=True
    ):
        for axis, reference in zip(channel.axes, signal["axes"], strict=False):
            units = {"A": "Å"}.get(reference["units"], spell(reference["units"])) or None
            assert (axis.size, axis.scale, axis.units) == (
                reference["size"],
                reference["scale"],
                units,
            )
            if entry["file"] == PACKED:  # k = 0 is half a pixel off in the reference
                assert axis.coordinate()[2] == 0
            else:
                assert axis.offset == reference["offset"]


@every_file
def test_the_technique_is_that_of_the_reference(shared, entry):
    known = {"EELS": "EELS", "EDS_TEM": "EDS", "CL": "CL"}
    for channel, signal in zip(
        read(FOLDER / entry["file"]).channels, entry["signals"], strict=True
    ):
        if signal["signal_type"] in known:
            assert channel.modality == known[signal["signal_type"]]


@every_file
def test_half_a_file_is_refused(shared, entry, tmp_path):
    path = FOLDER / entry["file"]
    (tmp_path / path.name).write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(OSError, match="cut short or damaged"):
        read(tmp_path / path.name)


def test_the_transform_of_a_ramp_is_its_transform(shared):
    (channel,) = read(FOLDER / PACKED).channels
    ramp = np.tile(np.arange(5.0), (5, 1))
    np.testing.assert_allclose(values(channel), np.fft.fftshift(np.fft.fft2(ramp)), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "dm4/DMReader_EELS_STO.dm4",
            {
                "started": "2019-12-14T13:30:41",
                "beam.voltage": 200e3,
                "beam.convergence_angle": 30.0,
                "detector.collection_angle": 33.0,
                "detector.dispersion": 0.25,
                "detector.exposure_time": 2.0,
            },
        ),
        (
            "dm3/Fei HAADF-MX_location.dm3",
            {
                "started": "2016-08-27T20:55:59+01:00",
                "technique": "STEM",
                "beam.magnification": 1.3e6,
                "scan.dwell_time": 1.4e-6,
                "stage.x": -469.984e-6,
                "detector.camera_length": 0.135,
                "instrument.model": "FEI Titan",
            },
        ),
        (
            "dm3/test-EDS_spectrum.dm3",
            {
                "started": "2016-08-08T21:46:19",
                "detector.live_time": 3.806,
                "detector.real_time": 4.233,
            },
        ),
        ("dm3/08_carbon.dm3", {"started": "2017-08-29T13:58:43-07:00"}),
        ("dm4/test-MonarcCL_spectrum-pmt.dm4", {"started": "2022-01-17T16:01:14"}),
        # 04/11/2020 may be in April or in November.
        ("dm4/test-MonoCL_spectrum-SI.dm4", {"started": None, "scan.dwell_time": 0.05}),
    ],
)
def test_metadata_are_found(shared, name, expected):
    (channel,) = read(FOLDER / name).channels
    for path, value in expected.items():
        found = channel.metadata
        for part in path.split("."):
            found = (found or {}).get(part)
        assert found == value


def test_the_spectrum_of_strontium_titanate_is_calibrated(shared):
    (channel,) = read(shared / "data/tem/EELS_STO.dm3").channels
    (axis,) = channel.axes
    assert (axis.name, axis.units, channel.units) == ("energy_loss", "eV", "counts")
    assert (axis.offset, axis.scale, axis.size) == (350.0, 0.25, 2048)
