"""Orientation maps of EDAX OIM: grids, points, columns, what is missing."""

import numpy as np
import pytest

import omniscopy as om
from omniscopy.testing.files.edax_ang import write_ang

rng = np.random.default_rng(6)


def points(rows=3, columns=4, extra=0):
    y, x = np.mgrid[:rows, :columns]
    others = np.round(rng.random((rows * columns, 8 + extra)), 5)
    return np.column_stack([others[:, :3], x.ravel() * 0.25, y.ravel() * 0.5, others[:, 3:]])


def test_a_square_grid_is_an_image_of_each_quantity(tmp_path):
    values = points()
    found = om.signals(om.open(write_ang(tmp_path / "a.ang", values, (3, 4))))
    assert list(found) == [
        "Euler_angle_phi1", "Euler_angle_Phi", "Euler_angle_phi2", "Image_quality",
        "Confidence_index", "Phase", "SEM", "Fit",
    ]  # fmt: skip
    for name, column in (("Euler_angle_phi1", 0), ("Euler_angle_Phi", 1), ("Image_quality", 5),
                         ("Fit", 9)):  # fmt: skip
        assert found[name].dims == ("y", "x")
        np.testing.assert_array_equal(found[name], values[:, column].reshape(3, 4))
    data = found["Euler_angle_Phi"]
    np.testing.assert_allclose(data["x"], np.arange(4) * 0.25)
    np.testing.assert_allclose(data["y"], np.arange(3) * 0.5)
    assert (data["x"].attrs["units"], data.attrs["units"]) == ("µm", "rad")
    assert found["Fit"].attrs["units"] == "deg"
    assert data.attrs["metadata"]["operator"] == "somebody"
    assert data.attrs["metadata"]["sample"]["name"] == "foil 7"
    original = data.attrs["original_metadata"]
    assert original["phases"][0]["MaterialName"] == "Nickel"
    assert original["WorkingDistance"] == "15.000000"


def test_a_hexagonal_grid_is_points(tmp_path):
    values = points(1, 7)
    path = write_ang(tmp_path / "a.ang", values, (2, 4), grid="HexGrid", even=3)
    data = om.signals(om.open(path))["Confidence_index"]
    assert data.dims == ("point",)
    np.testing.assert_array_equal(data, values[:, 6])
    np.testing.assert_array_equal(data["x"], values[:, 3])
    assert data["y"].attrs["units"] == "µm"


def test_columns_are_called_as_the_header_says_or_numbered(tmp_path):
    values = points(extra=1)
    names = ["phi1", "PHI", "phi2", "x", "y", "IQ", "CI", "Phase index", "SEM", "FIT", "PRIAS"]
    found = om.signals(om.open(write_ang(tmp_path / "a.ang", values, (3, 4), columns=names)))
    np.testing.assert_array_equal(found["PRIAS"], values[:, 10].reshape(3, 4))
    assert found["Fit"].attrs["units"] == "deg"
    found = om.signals(om.open(write_ang(tmp_path / "b.ang", values, (3, 4))))
    np.testing.assert_array_equal(found["column_11"], values[:, 10].reshape(3, 4))


def test_a_map_that_was_not_finished_is_filled(tmp_path):
    values = points()[:10]
    data = om.signals(om.open(write_ang(tmp_path / "a.ang", values, (3, 4))))["Fit"]
    np.testing.assert_array_equal(data[2, :2], values[8:, 9])
    assert np.isnan(data[2, 2:]).all()
    assert data.attrs["incomplete"]["missing_from"] == 10


def test_a_line_that_is_cut_short_is_refused_or_left_out(tmp_path):
    values = points()
    path = write_ang(tmp_path / "a.ang", values, (3, 4))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(om.FormatError, match=r"a\.ang.*that of point 11, is cut short"):
        om.open(path)
    data = om.signals(om.open(path, partial=True))["Fit"]
    assert data.attrs["incomplete"]["missing_from"] == 11
    np.testing.assert_array_equal(data[:2], values[:8, 9].reshape(2, 4))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: text.index("# SCANID")], "holds no points"),
        (lambda text: text.replace("\n0.", "\nx.", 3), "not all numbers of one count"),
        (lambda text: text.replace("NROWS: 3", "NROWS: 2"), "2 x 4 points are announced, 12"),
        (lambda text: text.replace("NROWS: 3", "NROWS: 3000000"), "are announced, 12"),
    ],
)
def test_damage_is_named(tmp_path, change, message):
    path = write_ang(tmp_path / "a.ang", points(), (3, 4))
    path.write_text(change(path.read_text()))
    with pytest.raises(om.FormatError, match=message):
        om.open(path)
