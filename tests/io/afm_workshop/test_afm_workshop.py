"""Force curves of AFMWorkshop made as text."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.afm_workshop.reader import read
from omniscopy.io.errors import FormatError
from omniscopy.testing.files.afm_workshop import write_afm_workshop

COLUMNS = {
    "Extend Z-Sense(nm)": [1.0, 2.0, 3.0],
    "Extend T-B(V)": [0.1, 0.2, 0.3],
    "Retract Z-Sense(nm)": [3.0, 2.0],
    "Retract Force(nN)": [0.25, 0.15],
}


def test_every_column_is_a_channel_over_the_height_of_its_ramp(tmp_path):
    path = write_afm_workshop(tmp_path / "a.csv", COLUMNS)
    assert om.io.identify(path) == "afm_workshop"
    channels = {channel.title: channel for channel in read(path).channels}
    assert list(channels) == [
        "Extend Z-Sense", "Extend T-B", "Retract Z-Sense", "Retract Force",
    ]  # fmt: skip
    bent, force = channels["Extend T-B"], channels["Retract Force"]
    assert (bent.data.tolist(), bent.units, bent.quantity) == ([0.1, 0.2, 0.3], "V", "deflection")
    assert (force.units, force.quantity) == ("nN", "force")
    assert force.coordinates["z"].data.tolist() == [3, 2]
    assert force.coordinates["z"].attrs["units"] == "nm"
    assert channels["Extend Z-Sense"].coordinates == {}
    assert force.metadata == {"scan": {"direction": "retract"}}
    assert om.validate(om.open(path)) == []


def test_metadata_are_in_the_units_of_the_schema(tmp_path):
    entries = {"Force Constant, nN/nm": "0.5", "Software Version": "4.0.0.62"}
    measurement = read(write_afm_workshop(tmp_path / "a.csv", COLUMNS, entries=entries))
    assert measurement.metadata["started"] == "2018-08-01T13:06:09"
    assert measurement.metadata["stage"] == pytest.approx({"x": 25e-6, "y": 40e-6})
    assert measurement.metadata["probe"] == {"spring_constant": 0.5}
    later = {"Date": "15 January 2021", "Time": "13:11:45"}
    measurement = read(write_afm_workshop(tmp_path / "a.csv", COLUMNS, entries=later))
    assert measurement.metadata["started"] == "2021-01-15T13:11:45"
    odd = {"Date": "Mittwoch"}
    measurement = read(write_afm_workshop(tmp_path / "a.csv", COLUMNS, entries=odd))
    assert "started" not in measurement.metadata


def test_a_text_that_ends_within_a_line_is_read_in_part(tmp_path):
    path = write_afm_workshop(tmp_path / "a.csv", COLUMNS)
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(FormatError, match="the text ends within a line"):
        read(path)
    channels = read(path, partial=True).channels
    assert channels[0].data.tolist() == [1, 2]
    assert channels[0].attrs["incomplete"]["missing_from"] == 2


def test_tables_without_numbers_are_refused(tmp_path):
    path = write_afm_workshop(tmp_path / "a.csv", COLUMNS)
    text = path.read_text()
    path.write_text(text.replace("0.2000", "zero"))
    with pytest.raises(FormatError, match=r"'Extend T-B\(V\)': a number was expected"):
        read(path)
    path.write_text(text[: text.index("1.0000")])
    with pytest.raises(FormatError, match="the table has no numbers"):
        read(path)
    path.write_text(text.replace("Extend", "Extent").replace("Retract", "Return"))
    with pytest.raises(FormatError, match="the line of headings"):
        read(path)


def test_gaps_within_a_column_do_not_move_its_values(tmp_path):
    path = write_afm_workshop(tmp_path / "a.csv", COLUMNS)
    path.write_text(path.read_text().replace("2.0000,0.2000", "2.0000,"))
    channels = {channel.title: channel for channel in read(path).channels}
    np.testing.assert_array_equal(channels["Extend T-B"].data, [0.1, np.nan, 0.3])
