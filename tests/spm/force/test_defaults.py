"""What the report does with force curves."""

from omniscopy import simulate
from omniscopy.model import analyses_for


def _results(data):
    (found,) = [each for each in analyses_for(data) if each.title == "Force curves"]
    return found.function(data)


def test_maps_are_described_by_contact_attraction_and_quality():
    made = _results(simulate.force_map())
    assert set(made) == {"Contact", "Attraction", "Quality"}
    assert made["Contact"]["contact"].dims == ("y", "x")


def test_records_of_both_ways_are_split():
    made = _results(simulate.force_curve())
    assert made["Curve without its baseline"].dims == ("segment", "time")
    assert float(made["Attraction"]["adhesion"]) > 0.3
    assert abs(float(made["Contact"]["contact"]) - 1000) < 30


def test_other_signals_are_left_alone():
    titles = {each.title for each in analyses_for(simulate.spectrum())}
    assert "Force curves" not in titles
