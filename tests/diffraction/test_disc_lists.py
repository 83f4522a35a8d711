"""Lists of discs, and the tables that they are of."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import samples
from omniscopy.diffraction import find_discs, fit_lattice, from_disc_list, to_disc_list
from omniscopy.model import DataError, coordinate


@pytest.fixture
def discs():
    """Return a table of 2, 0, 3, 1, 1 and 4 discs of six patterns."""
    counts = np.array([[2, 0, 3], [1, 1, 4]])
    there = np.arange(5) < counts[..., None]
    number = np.arange(30.0).reshape(2, 3, 5)
    coords = {
        "y": coordinate("y", [0.0, 1.0], "nm"),
        "x": coordinate("x", [0.0, 1.0, 2.0], "nm"),
        "peak": coordinate("peak", np.arange(5), "1"),
    }
    dims = ("y", "x", "peak")
    return xr.Dataset(
        {
            "ky": (dims, np.where(there, number, np.nan), {"units": "1/nm"}),
            "kx": (dims, np.where(there, -number, np.nan), {"units": "1/nm"}),
            "intensity": (dims, np.where(there, 100 + number, np.nan), {"units": "counts"}),
            "count": (("y", "x"), counts, {"units": "1"}),
        },
        coords,
        {"metadata": {"field": {"ky": [0.0, 30.0, 1.0], "kx": [-30.0, 0.0, 1.0]}}},
    )


def test_a_list_has_the_discs_of_each_pattern_between_two_offsets(discs):
    flat = to_disc_list(discs)
    assert flat["offset"].values.tolist() == [0, 2, 2, 5, 6, 7, 11]
    assert flat["ky"].values.tolist() == [0, 1, 10, 11, 12, 15, 20, 25, 26, 27, 28]
    assert flat["intensity"].attrs["units"] == "counts"
    pattern = 1 * 3 + 2  # y = 1, x = 2
    mine = slice(*flat["offset"].values[pattern : pattern + 2])
    np.testing.assert_array_equal(flat["kx"][mine], discs["kx"][1, 2, :4])


@pytest.mark.parametrize("chunks", [None, {"y": 1, "x": 2}, {"peak": 2, "x": 2}])
def test_a_list_and_back_are_the_discs_without_what_is_empty(discs, chunks):
    table = discs if chunks is None else discs.chunk(chunks)
    back = from_disc_list(to_disc_list(table))
    assert back.sizes["peak"] == 4
    xr.testing.assert_equal(back, discs.isel(peak=slice(4)))
    assert back["ky"].attrs["units"] == "1/nm"
    assert back.attrs["metadata"]["field"]["ky"] == [0.0, 30.0, 1.0]


def test_holes_in_a_table_are_left_out(discs):
    discs["ky"][0, 2, 0] = np.nan
    flat = to_disc_list(discs)
    assert flat["offset"].values.tolist() == [0, 2, 2, 4, 5, 6, 10]
    assert from_disc_list(flat)["ky"][0, 2, :3].values.tolist()[:2] == [11, 12]


def test_the_first_discs_are_kept_where_there_are_too_many(discs):
    few = from_disc_list(to_disc_list(discs), most=2)
    assert few["count"].values.tolist() == [[2, 0, 2], [1, 1, 2]]
    np.testing.assert_array_equal(few["kx"], discs["kx"][..., :2])


def test_a_lattice_of_the_list_is_that_of_the_table():
    data = samples.nanobeam_4d()
    discs = find_discs(data.chunk({"y": 2}), samples.nanobeam_template(), max_discs=20)
    flat = to_disc_list(discs)
    assert flat.sizes["disc"] == int(discs["count"].sum())
    lattice = fit_lattice(from_disc_list(flat))
    for name in ("a_ky", "b_kx", "residual"):
        np.testing.assert_allclose(lattice[name], fit_lattice(discs)[name], rtol=1e-12)


def test_one_pattern_is_a_list_of_its_discs(discs):
    one = discs.isel(y=0, x=2, drop=True)
    flat = to_disc_list(one)
    assert flat["offset"].values.tolist() == [0, 3]
    np.testing.assert_array_equal(from_disc_list(flat)["ky"], one["ky"][:3])


def test_patterns_without_discs_have_an_empty_list(discs):
    flat = to_disc_list(discs.isel(x=[1, 1]).isel(y=[0]))
    assert flat["offset"].values.tolist() == [0, 0, 0]
    assert from_disc_list(flat).sizes["peak"] == 0


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda flat: to_disc_list(flat["ky"]), "expected a Dataset with ky and kx"),
        (lambda flat: from_disc_list(flat["ky"]), "expected a list of discs"),
        (lambda flat: from_disc_list(flat.drop_vars("offset")), "expected a list of discs"),
        (lambda flat: from_disc_list(flat, most=0), "most must be at least 1"),
        (lambda flat: from_disc_list(flat.isel(disc=slice(5))), "offsets of a list of 5 discs"),
        (lambda flat: from_disc_list(flat.drop_vars(["y", "count"])), "does not say what scan"),
    ],
)
def test_says_what_is_no_list(discs, call, match):
    with pytest.raises(DataError, match=match):
        call(to_disc_list(discs))
