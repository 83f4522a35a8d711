"""Logs of Impulse, Protochips and the Digiheater, made by the encoders and real ones."""

import json

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.dens.reader import read as read_dens
from omniscopy.io.errors import FormatError
from omniscopy.io.impulse.reader import read as read_impulse
from omniscopy.io.protochips.reader import read as read_protochips
from omniscopy.testing.files.logs import write_dens, write_impulse, write_protochips

SECONDS = [6.75, 7.25, 8.5, 10.0]
HEAT = {"Temperature Measured (degC)": [1.5, 20.25, 30.0, -4.5], "Channel#1": [1e-9, 2e-9, 3e-9, 0]}
CELL = {"Holder Temperature": [25.0, 26.5, 27.0], "Tank1 Pressure": [760.0, 1.5, 2.0]}
DATE = "16/04/'15 13:53\tDigiheater 3\n"
ROWS = [(23.0, 15.5, 281.5, 0.075, 0.25, 0.02), (50.0, 49.5, 289.5, 0.28, 0.96, 0.27)]


def signals(path, **options):
    return om.signals(om.open(path, **options))


def test_impulse_is_along_the_time_of_the_experiment(tmp_path):
    path = write_impulse(tmp_path / "a_Heat raw.csv", HEAT, SECONDS)
    temperature, mass = signals(path).values()
    np.testing.assert_array_equal(temperature["time"], SECONDS)
    np.testing.assert_allclose(temperature, np.add(HEAT["Temperature Measured (degC)"], 273.15))
    assert (temperature.attrs["units"], temperature.attrs["quantity"]) == ("K", "temperature")
    np.testing.assert_array_equal(mass, HEAT["Channel#1"])
    assert "units" not in mass.attrs
    assert om.validate(om.open(path)) == []


def test_impulse_has_valves_of_several_positions_and_shares_of_gas(tmp_path):
    columns = {"MixValve": ["0; 1; 0"] * 3 + ["1; 1; 2"], "% Gas1 Measured": [0, 20, 80, 0]}
    valve, gas = signals(write_impulse(tmp_path / "a.csv", columns, SECONDS)).values()
    assert valve.dims == ("time", "channel")
    assert valve.values[[0, 3]].tolist() == [[0, 1, 0], [1, 1, 2]]
    assert gas.attrs["units"] == "%"
    columns["MixValve"][2] = "0; 1"
    with pytest.raises(FormatError, match="3 numbers were expected in each row"):
        om.open(write_impulse(tmp_path / "b.csv", columns, SECONDS))


@pytest.mark.parametrize(
    ("date", "started"),
    [
        ("28-07-2021", "2021-07-28T13:40:06.750"),
        ("07-28-2021", "2021-07-28T13:40:06.750"),
        ("06-08-2021", None),  # of June or of August
        ("soon", None),
    ],
)
def test_impulse_has_its_settings_beside_it(tmp_path, date, started):
    settings = {"Experiment date": date, "Sample": '"Gold"', "System version": "G+"}
    settings |= {"Live notes": "13:46:46: one\n13:46:52, two"}
    path = write_impulse(tmp_path / "a_Heat raw.csv", HEAT, SECONDS, settings=settings)
    measurement = read_impulse(path)
    assert measurement.metadata["sample"] == {"name": "Gold"}
    assert measurement.metadata.get("started") == started
    tree = measurement.original_metadata
    assert json.loads(json.dumps(tree)) == tree
    assert tree["Metadata.log"]["Live notes"] == "13:46:46: one\n13:46:52, two"


def test_protochips_is_in_seconds_kelvins_and_pascals(tmp_path):
    path = write_protochips(tmp_path / "a.csv", CELL, [0, 250, 700], notes={2: "Chip type = E-1"})
    temperature, pressure = signals(path).values()
    np.testing.assert_allclose(temperature["time"], [0, 0.25, 0.7])
    np.testing.assert_allclose(temperature, np.add(CELL["Holder Temperature"], 273.15))
    np.testing.assert_allclose(pressure, np.array(CELL["Tank1 Pressure"]) * 101325 / 760)
    assert (temperature.attrs["units"], pressure.attrs["units"]) == ("K", "Pa")
    assert om.validate(om.open(path)) == []
    measurement = read_protochips(path)
    assert measurement.metadata == {
        "started": "2014-12-15T19:07:04.165",
        "operator": "eric",
        "instrument": {"vendor": "Protochips", "model": "E-1"},
    }
    assert measurement.original_metadata["notes"][-1] == ["700", "Chip type = E-1"]


def test_protochips_has_the_units_that_it_says(tmp_path):
    said = {"Time units": "Seconds", "Temperature units": "Degrees Rankine"}
    columns = {**CELL, "Channel A Current": [1.0, 2, 3], "Other": [1, 2, 3]}
    path = write_protochips(tmp_path / "a.csv", columns, [0, 1, 2], settings=said)
    found = list(signals(path).values())
    assert [data.attrs.get("units") for data in found] == [None, "Pa", "A", None]
    np.testing.assert_array_equal(found[0], CELL["Holder Temperature"])
    np.testing.assert_array_equal(found[0]["time"], [0, 1, 2])


def test_the_digiheater_is_along_the_time_after_its_first_row(tmp_path):
    path = write_dens(tmp_path / "a.dens", ROWS, ["23:59:59.50", "00:00:00.25"])
    found = signals(path)
    assert list(found) == [
        "Set_temperature", "Temperature", "Heater_resistance", "Heater_voltage", "Heater_current",
        "Heater_power",
    ]  # fmt: skip
    temperature = found["Temperature"]
    np.testing.assert_allclose(temperature["time"], [0, 0.75])
    np.testing.assert_allclose(temperature, [15.5 + 273.15, 49.5 + 273.15])
    units = [data.attrs["units"] for data in found.values()]
    assert units == ["K", "K", "Ohm", "V", "mA", "mW"]
    np.testing.assert_array_equal(found["Heater_power"], [0.02, 0.27])
    assert om.validate(om.open(path)) == []
    assert read_dens(path).metadata == {
        "started": "2015-04-16T23:59:59.50",
        "instrument": {"vendor": "DENSsolutions", "software": "Digiheater 3.1"},
    }


@pytest.mark.parametrize("kind", ["impulse", "protochips", "dens"])
def test_a_log_whose_last_line_is_cut_is_refused_or_read_without_it(tmp_path, kind):
    path = {
        "impulse": lambda p: write_impulse(p, HEAT, SECONDS),
        "protochips": lambda p: write_protochips(p, CELL, [0, 250, 700]),
        "dens": lambda p: write_dens(p, ROWS, ["13:54:37.68", "13:54:38.01"]),
    }[kind](tmp_path / f"a.{kind}")
    whole = next(iter(signals(path).values()))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(FormatError, match="last line has no end"):
        om.open(path)
    part = next(iter(signals(path, partial=True).values()))
    np.testing.assert_array_equal(part, whole[:-1])
    assert part.attrs["incomplete"]["missing_from"] == whole.size - 1


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (read_impulse, "TimeStamp,Other,\n", "were expected first"),
        (read_impulse, "TimeStamp,Experiment time,A\n", "the log has no rows"),
        (read_impulse, "TimeStamp,Experiment time,A\n1:2:3,4\n", "3 columns were expected, 2"),
        (read_impulse, "TimeStamp,Experiment time,A\n1:2:3,4,x\n", "what should be numbers"),
        (read_protochips, "Time, Notes\n", "were expected first"),
        (read_dens, "\n", "the date of a Digiheater"),
        (read_dens, DATE + "sample\ttime\tc T[C]\n", "headings .* not known"),
        (read_dens, DATE + "sample\ttime\tT[C]\n1\tx\t3\t\n", "time of day"),
    ],
)  # fmt: skip
def test_damage_is_named(tmp_path, read, text, message):
    path = tmp_path / "a.log"
    path.write_text(text)
    with pytest.raises(FormatError, match=rf"a\.log.*{message}"):
        read(path)


def check(values, said):
    for measure in ("min", "max", "mean", "std"):
        found = getattr(np.asarray(values, "f8"), measure)()
        assert found == pytest.approx(said[measure], rel=1e-9, abs=1e-12)


@pytest.mark.shared
def test_real_logs_of_impulse_are_as_the_manifest_says(real_files):
    for row in real_files("impulse_csv"):
        path = row["path"]
        if row["reference_reader"] is None:
            with pytest.raises(FormatError):
                om.open(path)
            continue
        found = list(signals(path).values())
        assert len(found) == row["n_signals"]
        for data, said in zip(found, row["signals"], strict=True):
            size = said["axes"][0]["size"]
            # The reference supposes even times from 0 on, as many as there are.
            steps = np.diff(data["time"].values).mean()
            assert steps * (size - 1) / size == pytest.approx(said["axes"][0]["scale"], rel=0.01)
            if said["title"] == "MixValve":
                # Three positions are one number of the reference.
                assert data.shape == (size, 3)
                continue
            assert list(data.shape) == said["shape"]
            check(data - 273.15 if data.attrs.get("units") == "K" else data, said)


@pytest.mark.shared
def test_real_logs_of_protochips_are_as_the_manifest_says(real_files):
    for row in real_files("protochips_csv"):
        path = row["path"]
        if row["reference_reader"] is None:
            with pytest.raises(FormatError):
                om.open(path)
            continue
        found = list(signals(path).values())
        assert len(found) == row["n_signals"]
        # The reference takes the first nine rows for settings, whatever they are.
        skipped = {"gas_cell": 2, "no_user": 2, "thermal": 0}
        first = next(n for word, n in skipped.items() if path.stem.endswith(word))
        for data, said in zip(found, row["signals"], strict=True):
            assert data.size == said["shape"][0] + first
            scale = 101325 / 760 if data.attrs["units"] == "Pa" else 1.0
            offset = 273.15 if data.attrs["units"] == "K" else 0.0
            check((data.values[first:] - offset) / scale, said)
            assert said["title"].startswith(data.attrs["long_name"])


@pytest.mark.shared
def test_real_logs_of_the_digiheater_are_as_the_manifest_says(real_files):
    good, other = real_files("dens")
    data = signals(good["path"])["Temperature"]
    (said,) = good["signals"]
    assert list(data.shape) == said["shape"]
    check(data - 273.15, said)
    steps = np.diff(data["time"].values)
    np.testing.assert_allclose(steps, said["axes"][0]["scale"], atol=1e-6)
    # A later version, whose headings do not stand over its columns.
    with pytest.raises(FormatError):
        om.open(other["path"])
