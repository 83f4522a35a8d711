"""NanoFocus maps made by the independent encoder."""

import numpy as np
import pytest

from omniscopy.io.errors import FormatError
from omniscopy.io.nanofocus.reader import read
from omniscopy.testing.files.surfaces import write_nms

STORED = np.array([[0, 65535, 32768], [1, 2, 3]], dtype=np.uint16)


def load(data):
    return np.asarray(data[(slice(None),) * len(data.shape)])


def test_the_least_number_is_the_lowest_height_and_the_greatest_the_highest(tmp_path):
    measurement = read(write_nms(tmp_path / "a.nms", STORED, low=1.0, high=3.0))
    (height,) = measurement.channels
    np.testing.assert_allclose(load(height.data), 1.0 + STORED * (2.0 / 65535), rtol=1e-15)
    assert load(height.data)[0, 1] == 3.0
    assert (height.quantity, height.units) == ("height", "µm")
    assert [(axis.scale, axis.units) for axis in height.axes] == [(250.0, "nm"), (500.0, "nm")]
    assert measurement.metadata["started"] == "2022-02-09T13:25"
    assert height.title == "Confocal Height Image"


def test_brightness_follows_the_heights_where_it_is(tmp_path):
    _, brightness = read(write_nms(tmp_path / "a.nms", STORED, STORED % 251)).channels
    np.testing.assert_array_equal(load(brightness.data), STORED % 251)
    assert brightness.units == "counts"


def test_a_map_that_is_cut_short_is_read_in_part(tmp_path):
    path = write_nms(tmp_path / "a.nms", STORED)
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(FormatError, match="needs 12 bytes"):
        read(path)
    (height,) = read(path, partial=True).channels
    assert np.isnan(load(height.data)[1]).all()
    assert height.attrs["incomplete"]["missing_from"] == 1


def test_damaged_headers_are_refused(tmp_path):
    path = write_nms(tmp_path / "a.nms", STORED, low=3.0, high=1.0)
    with pytest.raises(FormatError, match=r"heights from 3\.0 to 1\.0 cannot be"):
        read(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(FormatError, match="a NanoFocus file has b'OM_MS'"):
        read(path)
