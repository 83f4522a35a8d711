"""Which currents are inverted by default, and what is shown of them."""

import omniscopy as om
from omniscopy.model import analyses_for, history
from omniscopy.spm.general_mode.defaults import drive_frequency, resistance_of_currents

TITLE = "Current and voltage"


def titles(data):
    return [entry.title for entry in analyses_for(data)]


def test_currents_with_their_bias_are_inverted():
    data = om.simulate.current_voltage((3, 4), points=128)
    assert TITLE in titles(data)
    found = resistance_of_currents(data)
    resistance = found["Resistance at the lowest bias"]
    assert resistance.dims == ("y", "x")
    assert abs(float(resistance.median()) / 4e9 - 1) < 0.02
    curves = found["Conductance while the bias rises and falls"]
    assert curves.dims == ("branch", "bias")
    assert history(curves)


def test_other_data_are_not():
    data = om.simulate.current_voltage((3, 4), points=128)
    assert TITLE not in titles(data.drop_vars("bias"))
    assert TITLE not in titles(data.assign_attrs(units="V"))
    assert TITLE not in titles(data[..., :100])
    assert TITLE not in titles(om.samples.spectrum_image())


def test_the_frequency_is_that_of_the_metadata_or_of_one_period():
    data = om.simulate.current_voltage((3, 4), points=128)
    assert drive_frequency(data) == 200.0
    assert abs(drive_frequency(data.assign_attrs(metadata={})) - 200.0) < 1e-9
    told = data.assign_attrs(metadata={"probe": {"drive_frequency": 400.0}})
    assert drive_frequency(told) == 400.0
