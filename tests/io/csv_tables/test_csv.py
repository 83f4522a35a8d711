"""Tables of text: what other programs read in them, and what comes back."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError


def table():
    return xr.Dataset(
        {
            "amplitude": ("peak", np.array([1.5, np.nan, -np.inf]), {"units": "nm"}),
            "status": ("peak", np.array([0, 3, 1], np.int8)),
            "is_kept": ("peak", np.array([True, False, True])),
            "name": ("peak", np.array(['a "b", c', "two\nlines", "µ"], object)),
            "width": ((), np.float32(0.1), {"units": "eV"}),
        },
        coords={"peak": ("peak", [10, 20, 30]), "place": ("peak", [0.1, 0.2, 0.3])},
        attrs={"long_name": "Peaks"},
    )


def test_a_spectrum_comes_back_with_its_history(tmp_path):
    data = om.samples.spectrum()
    back = om.open_signal(om.save(data, tmp_path / "a.csv"))
    np.testing.assert_array_equal(back, data)
    np.testing.assert_array_equal(back[data.dims[0]], data[data.dims[0]])
    assert back.dtype == data.dtype
    assert back.attrs["units"] == data.attrs["units"]
    assert om.history(back)


def test_a_table_of_results_comes_back(tmp_path):
    path = om.save(table(), tmp_path / "a.csv")
    (node,) = om.open(path).children.values()
    xr.testing.assert_equal(node.to_dataset(), table())
    assert node["width"].dims == ()
    assert node["width"].dtype == np.float32
    assert node["amplitude"].attrs["units"] == "nm"


def test_single_numbers_are_one_row(tmp_path):
    data = table().isel(peak=1)
    path = om.save(data, tmp_path / "a.csv")
    (node,) = om.open(path).children.values()
    xr.testing.assert_equal(node.to_dataset(), data)
    assert path.read_text(encoding="utf-8").count("\n") == 4  # one of them in a name


@given(hnp.arrays(st.sampled_from(["f8", "f4", "f2", "i8", "u8", "u1", "?"]), 5))
def test_numbers_have_all_digits(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    data = xr.DataArray(values, dims="sample", name="values")
    back = om.open_signal(om.save(data, path))
    assert back.dtype == values.dtype
    np.testing.assert_array_equal(back, values)


def test_pandas_and_numpy_read_names_and_numbers(tmp_path):
    data = om.samples.spectrum()
    dim = data.dims[0]
    path = om.save(data, tmp_path / "a.csv")
    frame = pd.read_csv(path, comment="#")
    assert list(frame.columns) == [
        f"{dim} ({data[dim].attrs['units']})", f"{data.attrs['long_name']} ({data.attrs['units']})"
    ]  # fmt: skip
    np.testing.assert_array_equal(frame.iloc[:, 1], data)
    x, y = np.loadtxt(path, delimiter=",", skiprows=2, unpack=True)
    np.testing.assert_array_equal(x, data[dim])
    np.testing.assert_array_equal(y, data)


def test_lazy_rows_are_computed_a_part_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr("omniscopy.io.csv_tables.writer._ROWS", 7)
    values = da.arange(50, chunks=10)
    data = xr.DataArray(values, dims="sample", name="v", coords={"sample": np.arange(50.0)})
    np.testing.assert_array_equal(om.open_signal(om.save(data, tmp_path / "a.csv")), values)


def test_without_our_note_the_columns_are_channels(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("# Omniscopy table 1 \nbias (V),current (nA),phase (deg)\n0,1,2\n1,3,4\n")
    tree = om.open(path)
    assert list(om.signals(tree)) == ["current", "phase"]
    data = tree["current/signal"]
    assert data.dims == ("bias",)
    np.testing.assert_array_equal(data, [1, 3])
    assert (data.attrs["units"], data["bias"].attrs["units"]) == ("nA", "V")


def test_rows_that_do_not_ascend_are_samples(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("# Omniscopy table 1 \na,b\n0,1\n0,3\n")
    assert {d.dims for d in om.signals(om.open(path)).values()} == {("sample",)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no line with the names of columns"),
        ("a,b\n1,2\n3\n", "line 4 has 1 values, but there are 2 columns"),
        ("a,b\n1,x\n", "'b': numbers were expected"),
        ("a,b\n1,2", "the table is cut short; partial=True"),
        ('a,b\n1,"' + "x" * 200_000 + '"\n', "cannot be split into columns"),
    ],
)
def test_damage_is_named(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text("# Omniscopy table 1 \n" + text)
    with pytest.raises(om.FormatError, match=message):
        om.open(path)


def test_a_cut_table_is_read_in_part_on_request(tmp_path):
    path = om.save(om.samples.spectrum(), tmp_path / "a.csv")
    whole = om.open_signal(path)
    path.write_bytes(path.read_bytes()[:-3])
    data = om.open_signal(path, partial=True)
    np.testing.assert_array_equal(data, whole[:-1])
    assert data.attrs["incomplete"]["missing_from"] == whole.size - 1


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (om.samples.spectrum_image(), UnsupportedFormatError, r"select a part, as with `\.isel"),
        (xr.DataTree(), UnsupportedFormatError, "there is nothing"),
        (xr.DataArray(np.zeros(3, complex), dims="x"), om.DataError, r"`\.real` and `\.imag`"),
        (xr.DataArray(np.zeros(3, "M8[s]"), dims="x"), om.DataError, "real numbers and text"),
    ],
)
def test_what_a_table_cannot_hold_is_refused(tmp_path, data, error, message):
    with pytest.raises(error, match=message):
        om.save(data, tmp_path / "a.csv")
    assert not list(tmp_path.iterdir())


def test_a_note_that_lies_is_left_out_of_account(tmp_path):
    path = om.save(table()[["amplitude"]].drop_vars("place"), tmp_path / "a.csv")
    text = path.read_text()
    for old, new in (('"<f8"', '"O"'), ('"dims"', '"dons"'), ('["peak"]', '["a", "b"]')):
        path.write_text(text.replace(old, new))
        assert om.signals(om.open(path))
