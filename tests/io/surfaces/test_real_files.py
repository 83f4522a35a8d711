"""Real files of profilometers and of a few text formats, against the manifest."""

import hashlib
import json

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.reading import read_measurement

# Groups of files, the reader, and the channels that the manifest has not.
GROUPS = {
    "al3d": ("alicona", ["Texture"]),
    "bcrf": ("bcr", []),
    "frt": ("frt", []),
    "gwy_text": ("gwyddion_text", []),
    "igor_packed": ("igor_packed", []),
    "metropro": ("metropro", ["Intensity"]),
    "mi": ("picoview", []),
    "nms": ("nanofocus", ["Brightness"]),
    "opdx": ("dektak", []),
    "plu": ("sensofar", ["Picture"]),
    "sdf": ("sdf", []),
    "x3p": ("x3p", []),
}
# What our values are divided by to be those of the manifest, which has other units: its heights
# are in the unit of the axes, ours in that of the file.
FACTORS = {"bcrf": 1e-3, "sdf": 1e-6}
# The same for steps: the manifest has those of one channel of PicoView in µm.
METRES = {"µm": 1e-6, "nm": 1e-9, "m": 1.0}


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def digest(values):
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:32]


def entries(shared, group):
    manifest = json.loads((shared / "data/vendor/MANIFEST.json").read_text())
    found = [entry for entry in manifest["files"] if entry["format"] == group]
    assert found
    return [(entry, shared / "data/vendor" / entry["file"]) for entry in found]


@pytest.mark.shared
@pytest.mark.parametrize("group", GROUPS)
def test_values_of_real_files_are_those_of_the_reference(shared, group):
    reader, further = GROUPS[group]
    for entry, path in entries(shared, group):
        form, measurement = read_measurement(path)
        assert form.name == reader
        count = len(entry["signals"])
        titles = [channel.title for channel in measurement.channels]
        assert titles[count:] == further
        for channel, signal in zip(measurement.channels, entry["signals"], strict=False):
            # The reference keeps x first.
            values = load(channel.data).T
            assert list(values.shape) == signal["shape"]
            assert values.dtype == signal["dtype"]
            assert np.isnan(values).sum() == signal["n_nan"]
            if group not in (*FACTORS, "nms"):
                assert digest(values) == signal["sha256"]
                continue
            # The numbers of the reference for NanoFocus run past the greatest height that the
            # header says, by one part in 65535; ours end there.
            tolerance = 2e-5 if group == "nms" else 1e-12
            for measure in ("min", "max", "mean"):
                ours = getattr(np, f"nan{measure}")(values) / FACTORS.get(group, 1.0)
                assert ours == pytest.approx(signal[measure], rel=tolerance)


@pytest.mark.shared
@pytest.mark.parametrize("group", [group for group in GROUPS if group != "igor_packed"])
def test_axes_of_real_files_are_those_of_the_reference(shared, group):
    for entry, path in entries(shared, group):
        channels = read_measurement(path)[1].channels
        for channel, signal in zip(channels, entry["signals"], strict=False):
            for ours, theirs in zip(channel.axes[::-1], signal["axes"], strict=True):
                expected = theirs["scale"] * METRES[theirs["units"]]
                if group == "nms":
                    # Read as millimetres, 512 points of this microscope would be 160 m wide;
                    # they are 160 µm.
                    expected *= 1e-6
                assert ours.size == theirs["size"]
                assert ours.scale * METRES[ours.units] == pytest.approx(expected, rel=1e-9)


@pytest.mark.shared
@pytest.mark.parametrize("group", [*GROUPS, "afm_workshop_csv"])
def test_real_files_are_known_without_their_extension_and_valid(shared, group, tmp_path):
    for _, path in entries(shared, group):
        copy = tmp_path / "noextension"
        copy.write_bytes(path.read_bytes())
        assert om.io.identify(copy) == om.io.identify(path)
        assert om.validate(om.open(copy)) == []


@pytest.mark.shared
def test_real_force_curves_are_in_the_units_of_their_headings(shared):
    # The reference joins both ramps, turns the sign of the height, and needs a sensitivity and a
    # spring constant that the files do not hold: it was given 50 nm/V and 0.05 N/m.
    for entry, path in entries(shared, "afm_workshop_csv"):
        channels = {channel.title: channel for channel in read_measurement(path)[1].channels}
        height, force = (
            np.concatenate(
                [load(channels[f"{ramp} {name}"].data) for ramp in ("Extend", "Retract")]
            )
            for name in ("Z-Sense", "Force" if "Extend Force" in channels else "T-B")
        )
        factor = 1e-9 if "Extend Force" in channels else 5e-8 * 0.05
        stored = {signal["title"].split("/")[1]: signal for signal in entry["signals"]}
        for values, signal in (
            (-1e-9 * height, stored["height (measured)"]),
            (factor * force, stored["force"]),
        ):
            assert list(values.shape) == signal["shape"]
            for measure in ("min", "max", "mean", "std"):
                assert getattr(values, measure)() == pytest.approx(signal[measure], rel=1e-9)
