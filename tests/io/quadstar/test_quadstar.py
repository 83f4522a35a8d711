"""Mass spectra of Quadstar made by the independent encoder, and real ones."""

import hashlib
import json

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError, UnsupportedFormatError
from omniscopy.io.quadstar.reader import read
from omniscopy.testing.files.quadstar import write_sac, write_sbc

rng = np.random.default_rng(10)
VALUES = rng.normal(size=(3, 40)).astype("f4")
TIMES = [0.25, 10.5, 24.75]


def signals(path, **options):
    return list(om.signals(om.open(path, **options)).values())


def only(path, **options):
    (data,) = signals(path, **options)
    return data


def test_scans_are_along_time_and_mass(tmp_path):
    path = write_sac(tmp_path / "a.sac", {"Ion Counter": VALUES}, TIMES)
    data = only(path)
    assert data.dims == ("time", "mass_to_charge")
    np.testing.assert_array_equal(data, VALUES)
    assert data.dtype == np.float32
    np.testing.assert_allclose(data["time"], TIMES)
    np.testing.assert_allclose(data["mass_to_charge"], 1 + np.arange(40) / 2)
    assert data["mass_to_charge"].attrs["units"] == "1"
    assert (data.attrs["long_name"], data.attrs["units"]) == ("Ion Counter", "counts/s")
    assert om.validate(om.open(path)) == []


def test_every_scan_of_a_cycle_is_a_channel(tmp_path):
    scans = {"Faraday": VALUES, "SEM": VALUES[:, :20] * 2}
    first, second = signals(write_sac(tmp_path / "a.sac", scans, TIMES, units="A"))
    np.testing.assert_array_equal(first, VALUES)
    np.testing.assert_array_equal(second, VALUES[:, :20] * 2)
    assert second.attrs["units"] == "A"


def test_values_beyond_the_range_are_nan(tmp_path):
    values = VALUES.copy()
    values[1, 3] = np.finfo("f4").max
    data = only(write_sac(tmp_path / "a.sac", {"Ion Counter": values}, TIMES))
    assert np.isnan(data.values[1, 3])
    assert int(np.isnan(data.values).sum()) == 1


def test_bars_are_along_time_and_their_masses(tmp_path):
    masses = [2.0, 4, 18, 28, 32] * 8
    path = write_sbc(tmp_path / "a.sbc", VALUES, TIMES, masses=masses)
    data = only(path)
    assert data.dims == ("time", "mass_to_charge")
    np.testing.assert_array_equal(data, VALUES)
    np.testing.assert_array_equal(data["mass_to_charge"], masses)
    np.testing.assert_allclose(data["time"], TIMES)
    assert "units" not in data.attrs
    assert om.validate(om.open(path)) == []


def test_a_single_cycle_is_one_spectrum(tmp_path):
    assert only(write_sbc(tmp_path / "a.sbc", VALUES[:1], [0.0])).dims == ("mass_to_charge",)
    data = only(write_sac(tmp_path / "a.sac", {"SEM": VALUES[:1]}, [0.0]))
    np.testing.assert_array_equal(data, VALUES[0])


def test_cycles_without_times_are_numbered(tmp_path):
    data = only(write_sbc(tmp_path / "a.sbc", VALUES, [0.0, 0.0, 0.0]))
    assert data.dims == ("frame", "mass_to_charge")


def test_the_header_fills_the_common_metadata(tmp_path):
    measurement = read(write_sbc(tmp_path / "a.sbc", VALUES, TIMES))
    assert measurement.metadata == {
        "started": "2026-04-21T07:58:57.250+00:00",
        "technique": "mass spectrometry",
        "operator": "Ada",
        "instrument": {"vendor": "Pfeiffer", "software": "Quadstar"},
    }
    assert json.loads(json.dumps(measurement.original_metadata)) == measurement.original_metadata


@pytest.mark.parametrize("kind", ["sac", "sbc"])
def test_a_file_that_is_cut_short_is_refused_or_read_in_part(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    if kind == "sac":
        write_sac(path, {"SEM": VALUES}, TIMES)
    else:
        write_sbc(path, VALUES, TIMES)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(FormatError, match=r"3 cycles of .* were announced.*cut short"):
        om.open(path)
    data = only(path, partial=True)
    np.testing.assert_array_equal(data[:2], VALUES[:2])
    assert np.isnan(data.values[2]).all()
    assert data.attrs["incomplete"]["missing_from"] == 2
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FormatError, match="the header of a Quadstar file needs"):
        read(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"kind": 0x02C7}, "the kind 0x02c7 is not read"),
        ({"cycles": 0}, "0 cycles cannot be"),
        ({"cycles": 2**31 - 1}, "2147483647 cycles of .* were announced"),
        ({"traces": -1}, "-1 traces cannot be"),
        ({"traces": 1}, "no scans among the traces"),
        ({"stride": 20}, "a scan of 40 values is not in a cycle of 20 bytes"),
    ],
)
def test_headers_that_contradict_the_data_are_refused(tmp_path, header, message):
    path = write_sac(tmp_path / "a.sac", {"SEM": VALUES}, TIMES, header=header)
    with pytest.raises(FormatError, match=message) as caught:
        read(path)
    assert isinstance(caught.value, UnsupportedFormatError) == ("kind" in message)


def test_a_description_that_cannot_be_there_is_refused(tmp_path):
    path = write_sac(tmp_path / "a.sac", {"SEM": VALUES}, TIMES)
    content = bytearray(path.read_bytes())
    content[210:214] = b"\xff\xff\xff\x7f"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="described at byte 2147483647"):
        read(path)


@pytest.mark.shared
def test_every_real_file_is_as_the_manifest_says(real_files):
    rows = real_files("quadstar")
    assert len(rows) == 4
    for row in rows:
        data = only(row["path"])
        (said,) = row["signals"]
        assert list(data.shape) == said["shape"]
        assert hashlib.sha256(data.values.tobytes()).hexdigest()[:32] == said["sha256"]
        time, mass = said["axes"]
        expected = mass["offset"] + mass["scale"] * np.arange(mass["size"])
        np.testing.assert_allclose(data["mass_to_charge"], expected)
        # The reference has even steps, of whole seconds where bars are.
        steps = np.diff(data["time"].values).mean()
        assert steps == pytest.approx(time["scale"], rel=0.06)
