"""Units of products."""

import pytest

from omniscopy.model.units import product


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ([("V", 2), ("nm", -1)], "V^2/nm"),
        ([("nm", 2), ("nm", 1), ("nm", 1)], "nm^4"),
        ([("1/nm", 2)], "1/nm^2"),
        ([("nm", 1), ("1/nm", 1)], "1"),
        ([("1", 2), ("1", 1)], "1"),
        ([("pm/V", 2)], "pm^2/V^2"),
        ([("furlong", 1)], None),
        ([(None, 1), ("nm", 1)], None),
    ],
)
def test_powers_of_units_are_multiplied(factors, expected):
    assert product(*factors) == expected
