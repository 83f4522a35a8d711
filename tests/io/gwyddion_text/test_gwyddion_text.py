"""Text as Gwyddion exports it, in several languages."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import FormatError
from omniscopy.io.gwyddion_text.reader import read
from omniscopy.testing.files.surfaces import write_gwyddion_text

rng = np.random.default_rng(1)
VALUES = rng.normal(size=(3, 4))
GERMAN = ("Kanal", "Breite", "Höhe", "Einheiten der Werte")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_field_has_lengths_in_metres(tmp_path, encoding):
    path = write_gwyddion_text(tmp_path / "a.txt", VALUES, words=GERMAN, encoding=encoding)
    assert om.io.identify(path) == "gwyddion_text"
    (channel,) = read(path).channels
    np.testing.assert_array_equal(channel.data, VALUES)
    assert [axis.scale for axis in channel.axes] == pytest.approx([5678.9e-9 / 3, 12.34e-6 / 4])
    assert {axis.units for axis in channel.axes} == {"m"}
    assert (channel.title, channel.quantity, channel.units) == ("Height", "height", "m")


def test_commas_in_place_of_points_are_read(tmp_path):
    path = write_gwyddion_text(tmp_path / "a.txt", np.array([[1.5, 2.5]]), width="1,5 µm")
    path.write_text(path.read_text().replace("1.5\t2.5", "1,5\t2,5"))
    (channel,) = read(path).channels
    assert channel.data.tolist() == [[1.5, 2.5]]
    assert channel.axes[1].scale == pytest.approx(0.75e-6)


def test_units_and_lengths_that_are_none_are_left_out(tmp_path):
    path = write_gwyddion_text(tmp_path / "a.txt", VALUES, units=None, width="4 px")
    (channel,) = read(path).channels
    assert channel.units is None
    assert channel.axes[1].units is None


def test_other_things_than_a_table_are_refused(tmp_path):
    path = write_gwyddion_text(tmp_path / "a.txt", VALUES)
    text = path.read_text()
    path.write_text(text + "1 2\n")
    with pytest.raises(FormatError, match=r"a table was expected, its rows have \[2, 4\] numbers"):
        read(path)
    path.write_text(text + "1 2 3 four\n")
    with pytest.raises(FormatError, match="a number was expected in the table"):
        read(path)
    path.write_text("\n".join(text.splitlines()[:4]))
    with pytest.raises(FormatError, match="its rows have no numbers"):
        read(path)
    path.write_text("# Channel: a\n1 2\n")
    with pytest.raises(FormatError, match="a title, a width and a height were expected"):
        read(path)
