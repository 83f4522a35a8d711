"""Reading USID files made with plain h5py: grids in any order, and data without a grid."""

import pickle

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import omniscopy as om
from omniscopy.io.usid.arrays import TableArray
from omniscopy.io.usid.reader import read

ARB = (["arb"], ["a.u."], [[0]], [[0.0]])


@pytest.fixture
def made(usid_file, tmp_path):
    """Return a function that fills a file and opens it as a tree."""

    def make(fill):
        file, channel = usid_file()
        fill(channel)
        file.close()
        return om.open(tmp_path / "made.h5")

    return make


@pytest.fixture
def one(made, add):
    """Return a function that opens one main dataset as an array."""

    def make(values, positions, steps, **said):
        return made(lambda channel: add(channel, values, positions, steps, **said))[
            "Raw_Data/signal"
        ]

    return make


def numbered(positions, steps):
    shape = len(positions[2]), len(steps[2])
    return np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape)


def test_every_value_is_at_its_place(one, yx, frequency):
    values = numbered(yx, frequency)
    data = one(values, yx, frequency)
    assert data.dims == ("y", "x", "frequency")
    assert data.sel(y=2.5, x=1.75, frequency=304).values == values[1 * 4 + 3, 4]
    assert (data["y"].attrs["units"], data["x"].attrs["units"]) == ("µm", "nm")


def test_the_order_of_columns_means_nothing(one, grid):
    dims = (("Y", "m", [0, 1, 2]), ("X", "m", [0, 1, 2, 3]))
    steps = (("Cycle", "", [0, 1]), ("Bias", "V", [-1, 0, 1, 0, -1]))
    slow_first = grid(*dims), grid(*steps)
    fast_first = grid(*dims, fastest_first=True), grid(*steps, fastest_first=True)
    one_way = one(numbered(*slow_first), *slow_first).compute()
    other = one(numbered(*fast_first), *fast_first)
    assert other.dims == one_way.dims == ("y", "x", "cycle", "bias")
    np.testing.assert_array_equal(other, one_way)


def test_x_may_be_the_slow_dimension(one, grid, frequency):
    positions = grid(("X", "m", [0, 1, 2]), ("Y", "m", [0, 1, 2, 3]))
    data = one(numbered(positions, frequency), positions, frequency)
    assert data.dims == ("x", "y", "frequency")
    assert data.sel(x=2, y=1, frequency=300).values == (2 * 4 + 1) * 6


def test_lines_in_any_order_are_put_where_their_indices_say(one, yx, frequency):
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(12), rng.permutation(6)
    values = numbered(yx, frequency)
    mixed = (*yx[:2], yx[2][rows], yx[3][rows])
    turned = (*frequency[:2], frequency[2][columns], frequency[3][columns])
    data = one(values[rows][:, columns], mixed, turned)
    expected = values.reshape(3, 4, 6)
    if data.dims[0] == "x":
        expected = expected.transpose(1, 0, 2)
    np.testing.assert_array_equal(data, expected)
    np.testing.assert_array_equal(data[1:3, ::2, 1:5], expected[1:3, ::2, 1:5])
    assert data.sel(y=3.0, x=1.25, frequency=302).values == values[2 * 4 + 1, 2]


def test_a_scan_back_and_forth_is_put_in_order(one, yx, frequency):
    rows = np.arange(12).reshape(3, 4)
    rows[1] = rows[1, ::-1]
    rows = rows.ravel()
    values = numbered(yx, frequency)
    data = one(values[rows], (*yx[:2], yx[2][rows], yx[3][rows]), frequency)
    np.testing.assert_array_equal(data, values.reshape(3, 4, 6))


def test_indices_of_a_slice_need_not_begin_at_zero(one, yx, frequency):
    shifted = (*yx[:2], yx[2] * 3 + 7, yx[3])
    data = one(numbered(yx, frequency), shifted, frequency)
    assert data.shape == (3, 4, 6)
    assert data["x"].values.tolist() == [1, 1.25, 1.5, 1.75]


def test_dimensions_of_size_one_are_kept_unless_they_stand_for_none(one, grid):
    positions = grid(("Y", "nm", [5.0]), ("X", "nm", [0, 1, 2]))
    step = grid(("Frequency", "kHz", [300.0]))
    assert one(numbered(positions, step), positions, step).sizes == {"y": 1, "x": 3, "frequency": 1}
    assert one(numbered(positions, ARB), positions, ARB).sizes == {"y": 1, "x": 3}
    single = (["Single_Step"], ["a. u."], [[0]], [[0.0]])
    assert one(numbered(positions, single), positions, single).sizes == {"y": 1, "x": 3}


def test_an_aborted_raster_is_points_with_integer_places(one, yx, frequency):
    cut = (*yx[:2], yx[2][:7], yx[3][:7])
    values = numbered(cut, frequency)
    data = one(values, cut, frequency)
    assert data.dims == ("point", "frequency")
    np.testing.assert_array_equal(data, values)
    assert data["y_index"].values.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert data["x"].values.tolist() == [1, 1.25, 1.5, 1.75, 1, 1.25, 1.5]
    assert data["x_index"].dtype == np.int64


@pytest.mark.parametrize(
    "attrs", [{"type": [1, 1]}, {"incomplete_dimensions": np.array([b"X", b"Y"])}]
)
def test_sparse_positions_are_points(one, frequency, attrs):
    places = np.array([[3.0, 1], [0, 2], [5, 5]])
    counted = np.stack([np.arange(3)] * 2, axis=1)
    positions = (["X", "Y"], ["nm", "nm"], counted, places, attrs)
    data = one(numbered(positions, frequency), positions, frequency)
    assert data.dims == ("point", "frequency")
    assert data["x"].values.tolist() == [3, 0, 5]
    assert data["y"].values.tolist() == [1, 2, 5]
    assert set(data.coords) == {"point", "x", "y", "frequency"}


def test_positions_measured_twice_are_points(one, yx, frequency):
    rows = np.array([0, 1, 1, *range(3, 12)])
    again = (*yx[:2], yx[2][rows], yx[3][rows])
    assert one(numbered(again, frequency), again, frequency).dims == ("point", "frequency")


def test_ragged_steps_are_samples(one, yx):
    forc = np.repeat([0, 1], [2, 3])
    step = np.array([0, 1, 0, 1, 2])
    steps = (["FORC", "Bias"], ["", "V"], np.stack([forc, step], 1), np.stack([forc, step / 2], 1))
    data = one(numbered(yx, steps), yx, steps)
    assert data.dims == ("y", "x", "sample")
    assert data["forc"].values.tolist() == [0, 0, 1, 1, 1]
    assert data["bias"].values.tolist() == [0, 0.5, 0, 0.5, 1]
    assert data["bias_index"].values.tolist() == [0, 1, 0, 1, 2]


def test_a_dependent_dimension_has_a_coordinate_of_two_dimensions(one, yx, grid):
    steps = grid(("FORC", "", [0, 1]), ("Bias", "V", [0, 1, 2]))
    places = steps[3].copy()
    places[:, 1] *= 1 + places[:, 0]
    data = one(numbered(yx, steps), yx, (*steps[:3], places))
    assert data.dims == ("y", "x", "forc", "bias_step")
    assert data["bias"].dims == ("forc", "bias_step")
    assert data["bias"].values.tolist() == [[0, 1, 2], [0, 2, 4]]
    assert data["bias"].attrs["units"] == "V"
    assert data["bias_step"].attrs["kind"] == "spectral"


def test_names_not_of_the_vocabulary_are_kept_as_labelled(one, yx, grid):
    steps = grid(("Laser Power", "mW", [1, 2]), ("signal", "", [0, 1, 2]))
    data = one(numbered(yx, steps), yx, steps)
    assert data.dims == ("y", "x", "Laser Power", "signal_axis")
    assert data["Laser Power"].attrs["quantity"] == "laser power"
    assert data["Laser Power"].attrs["kind"] == "spectral"


def test_equal_labels_on_both_sides_are_told_apart(one, grid):
    positions, steps = grid(("X", "nm", [0, 1])), grid(("X", "nm", [0, 1, 2]))
    assert one(numbered(positions, steps), positions, steps).sizes == {"x": 2, "x_1": 3}


def test_legacy_tables_name_their_columns_by_region_references(made, add, yx, frequency):
    def fill(channel):
        main = add(channel, numbered(yx, frequency), yx, frequency)
        for what in ("Indices", "Values"):
            table = main.file[main.attrs[f"Position_{what}"]]
            del table.attrs["labels"]
            for number, label in enumerate(("Y", "X")):
                table.attrs[label] = table.regionref[:, number]

    assert made(fill)["Raw_Data/signal"].dims == ("y", "x", "frequency")


def test_tables_may_be_called_anything_and_be_anywhere(made, add, yx, frequency):
    def fill(channel):
        where = channel.file.create_group("elsewhere/deep")
        add(channel, numbered(yx, frequency), yx, frequency, prefix="Odd_", where=where)
        again = channel.create_dataset("Copy", data=numbered(yx, frequency) * 2.0)
        again.attrs.update(dict(channel["Raw_Data"].attrs))

    tree = made(fill)
    assert set(tree.children) == {"Raw_Data", "Copy"}
    np.testing.assert_array_equal(tree["Copy/signal"], 2.0 * tree["Raw_Data/signal"])


def test_results_of_the_same_name_are_told_apart_and_never_below_data(made, add, yx, frequency):
    def fill(channel):
        other = channel.parent.create_group("Channel_001")
        for number, parent in enumerate((channel, other)):
            raw = add(parent, numbered(yx, frequency), yx, frequency)
            group = parent.create_group("Raw_Data-Fit_000")
            group.attrs.update({"tool": "Fit", "num_sources": 1, "order": number})
            group.attrs["source_000"] = raw.ref
            add(group, numbered(yx, frequency) + number, yx, frequency, name="Out")

    tree = made(fill)
    paths = ["results/Raw_Data-Fit_000/Out", "results/Channel_001-Raw_Data-Fit_000/Out"]
    for number, path in enumerate(paths):
        data = tree[f"{path}/signal"]
        assert int(data[0, 0, 0]) == number
        assert data.attrs["process"]["parameters"] == {"order": number}
        assert data.attrs["process"]["sources"] == [f"/Measurement_000/Channel_00{number}/Raw_Data"]


@pytest.mark.parametrize("listed", [True, False])
def test_unfinished_positions_are_nan(made, add, yx, frequency, listed):
    def fill(channel):
        group = channel.create_group("Raw_Data-Fit_000")
        add(group, numbered(yx, frequency).astype("c8"), yx, frequency, name="Out")
        add(group, numbered(yx, frequency), yx, frequency, name="Whole", prefix="W_")
        group.attrs["last_pixel"] = 12 if listed else 5
        if listed:
            group["completed_positions"] = (np.arange(12) < 5).astype("u1")

    tree = made(fill)
    out = tree["results/Raw_Data-Fit_000/Out"]
    unfinished = np.arange(12).reshape(3, 4) >= 5
    np.testing.assert_array_equal(np.isnan(out["signal"].values).all(-1), unfinished)
    assert np.isnan(out["signal"][2, 3, 1].values)
    whole = tree["results/Raw_Data-Fit_000/Whole"]
    np.testing.assert_array_equal(whole["completed_positions"], ~unfinished)
    assert whole["signal"].dtype == np.int32
    assert whole["signal"].attrs["incomplete"]["missing_from"] == 5


def test_other_datasets_are_kept(made, add, yx, frequency):
    def fill(channel):
        add(channel, numbered(yx, frequency), yx, frequency)
        channel.create_dataset("dark", data=np.arange(5.0)).attrs["units"] = "V"
        channel.parent["calibration"] = np.eye(3)
        channel["note"] = "a text"

    tree = made(fill)
    assert tree["Raw_Data/dark"].dims == ("dark_0",)
    assert tree["Raw_Data/dark"].attrs["units"] == "V"
    np.testing.assert_array_equal(tree["extra/calibration/signal"], np.eye(3))


def test_references_of_points_and_regions_are_readable(made, add, yx, frequency):
    def fill(channel):
        main = add(channel, numbered(yx, frequency), yx, frequency)
        main.attrs["box"] = main.regionref[2:4, 1:3]
        main.attrs["other"] = channel.parent.ref

    original = made(fill)["Raw_Data/signal"].attrs["original_metadata"]
    assert original["box"]["blocks"] == [[[2, 1], [4, 3]]]
    assert original["other"] == "/Measurement_000"


def test_tables_that_do_not_fit_are_damage(usid_file, add, yx, frequency, tmp_path):
    file, channel = usid_file()
    add(channel, np.zeros((11, 6)), yx, frequency)
    file.close()
    with pytest.raises(om.FormatError, match=r"\(12, 2\).* do not describe the 11 lines"):
        om.open(tmp_path / "made.h5")


def test_a_file_without_a_main_dataset_is_refused(tmp_path):
    path = tmp_path / "plain.h5"
    with h5py.File(path, "w") as file:
        file["values"] = np.zeros((5, 5))
    with pytest.raises(om.FormatError, match="holds no USID dataset"):
        om.open(path, reader="usid")


class Counting:
    """A table that counts the values which are read of it."""

    def __init__(self, table):
        self.table, self.read = table, 0

    def __getitem__(self, key):
        values = self.table[key]
        self.read += values.size
        return values


@pytest.fixture
def counted(monkeypatch):
    from omniscopy.io.usid import arrays

    tables = []
    original = arrays._read_lines

    def read_lines(table, *rest):
        tables.append(Counting(table))
        return original(tables[-1], *rest)

    monkeypatch.setattr(arrays, "_read_lines", read_lines)
    return lambda: sum(table.read for table in tables)


def test_reading_a_pixel_reads_a_pixel(usid_file, add, grid, tmp_path, counted):
    positions = grid(("Y", "m", range(50)), ("X", "m", range(40)))
    steps = grid(("Cycle", "", range(4)), ("Bias", "V", range(25)))
    file, channel = usid_file()
    values = numbered(positions, steps)
    add(channel, values, positions, steps)
    file.close()
    handle = read(tmp_path / "made.h5").channels[0].data
    assert isinstance(handle, TableArray)
    assert handle[7, 5, 2, 3] == values[7 * 40 + 5, 2 * 25 + 3]
    assert counted() == 1
    copy = pickle.loads(pickle.dumps(handle))
    np.testing.assert_array_equal(copy[7, 5, :, :].ravel(), values[7 * 40 + 5])
    assert counted() == 1 + 100
    np.testing.assert_array_equal(copy[:, 5, 1, 2], values[5::40, 27])
    assert counted() == 1 + 100 + 50


@given(data=st.data())
def test_any_part_is_a_part_of_the_whole(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("parts") / "table.h5"
    rows, columns = data.draw(st.tuples(*[st.integers(1, 4)] * 2)), (3, 2)
    number = rows[0] * rows[1]
    table = np.arange(number * 6.0).reshape(number, 6)
    order = np.array(data.draw(st.permutations(range(number))))
    with h5py.File(path, "w") as file:
        file["table"] = table
    handle = TableArray(str(path), "table", rows, columns, np.dtype("f8"), rows=order)
    whole = table[order].reshape(rows + columns)
    key = tuple(
        data.draw(
            st.integers(0, n - 1)
            | st.builds(slice, st.integers(0, n), st.integers(0, n), st.integers(1, 3))
        )
        for n in whole.shape
    )
    np.testing.assert_array_equal(handle[key], whole[key])


def long_grid(grid):
    """Return the sides of a grid of more lines than a table is read whole for."""
    rows, columns = np.linspace(0.5, 2.5, 257), np.arange(130) ** 2.0
    return grid(("Y", "m", rows), ("X", "nm", columns)), rows, columns


def test_a_long_table_of_a_grid_is_known_from_a_few_lines(made, add, grid, frequency):
    positions, rows, columns = long_grid(grid)
    values = numbered(positions, frequency)
    labels, units, indices, places = positions
    turned = (labels[::-1], units[::-1], indices[:, ::-1], places[:, ::-1])
    for side in (positions, turned):
        tree = made(lambda channel, side=side: add(channel, values, side, frequency))
        data = tree["Raw_Data/signal"]
        assert data.dims == ("y", "x", "frequency")
        np.testing.assert_array_equal(data["y"], np.float32(rows))
        np.testing.assert_array_equal(data["x"], np.float32(columns))
        np.testing.assert_array_equal(data, values.reshape(data.shape))
        np.testing.assert_array_equal(data[3, ::-7, 2], values.reshape(data.shape)[3, ::-7, 2])


def test_a_long_table_that_leaves_the_grid_is_noticed_where_data_are_read(
    usid_file, add, grid, frequency, tmp_path
):
    positions, *_ = long_grid(grid)
    swapped = positions[2].copy()
    swapped[[5000, 5001]] = swapped[[5001, 5000]]
    values = numbered(positions, frequency)
    file, channel = usid_file()
    add(channel, values, (*positions[:2], swapped, positions[3]), frequency)
    file.close()
    data = om.open_signal(tmp_path / "made.h5")
    rows = values.reshape(data.shape)
    np.testing.assert_array_equal(data[:20], rows[:20])
    with pytest.raises(om.FormatError, match=r"line 5000 .*`whole_tables=True`"):
        data.compute()
    whole = om.open_signal(tmp_path / "made.h5", whole_tables=True)
    np.testing.assert_array_equal(whole[5000 // 130, 5000 % 130], values[5001])


def test_long_tables_of_no_grid_are_read_whole(made, add, frequency):
    places = np.random.default_rng(0).random((40_000, 2))
    counting = np.repeat(np.arange(40_000)[:, None], 2, axis=1)
    side = (["X", "Y"], ["m", "m"], counting, places)
    data = made(lambda channel: add(channel, numbered(side, frequency), side, frequency))
    assert data["Raw_Data/signal"].dims == ("point", "frequency")
