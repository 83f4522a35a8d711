"""USID files made with plain h5py, from the layout alone, and its own rules for main datasets."""

import h5py
import numpy as np
import pytest


def write_table(group, name, table, labels, units, *, dtype, **attrs):
    stored = group.create_dataset(name, data=np.asarray(table).astype(dtype))
    stored.attrs["labels"] = np.array([label.encode() for label in labels])
    stored.attrs["units"] = np.array([unit.encode() for unit in units])
    stored.attrs.update(attrs)
    return stored


def add_main(group, values, positions, steps, *, name="Raw_Data", prefix="", where=None, **said):
    """Write a main dataset; a side is (labels, units, indices, values[, attrs]), a line a row."""
    main = group.create_dataset(name, data=values)
    main.attrs["quantity"] = said.pop("quantity", "Current")
    main.attrs["units"] = said.pop("units", "nA")
    main.attrs.update(said)
    where = group if where is None else where
    for side, (labels, units, indices, places, *more) in (
        ("Position", positions),
        ("Spectroscopic", steps),
    ):
        attrs = more[0] if more else {}
        for what, table, dtype in (("Indices", indices, "u4"), ("Values", places, "f4")):
            turned = np.asarray(table) if side == "Position" else np.asarray(table).T
            made = write_table(
                where, f"{prefix}{side}_{what}", turned, labels, units, dtype=dtype, **attrs
            )
            main.attrs[f"{side}_{what}"] = made.ref
    return main


def make_grid(*dims, fastest_first=False):
    """Return the side of a grid of dims (label, units, values), slow first, slowest varying."""
    sizes = [len(values) for _, _, values in dims]
    indices = np.indices(sizes).reshape(len(sizes), -1).T
    places = np.stack([np.asarray(v, float)[indices[:, n]] for n, (_, _, v) in enumerate(dims)], 1)
    labels, units = [label for label, *_ in dims], [unit for _, unit, _ in dims]
    if fastest_first:
        return labels[::-1], units[::-1], indices[:, ::-1], places[:, ::-1]
    return labels, units, indices, places


def check_main(main):
    """Assert that a dataset is a main one by the rules of the layout."""
    assert isinstance(main, h5py.Dataset)
    assert main.ndim == 2
    for key in ("quantity", "units"):
        assert isinstance(main.attrs[key], str)
        assert main.attrs[key]
    for number, side in enumerate(("Position", "Spectroscopic")):
        tables = [main.file[main.attrs[f"{side}_{what}"]] for what in ("Indices", "Values")]
        indices, values = tables
        assert isinstance(indices, h5py.Dataset)
        assert indices.dtype == np.uint32
        assert values.dtype == np.float32
        assert indices.shape == values.shape
        assert indices.ndim == 2
        assert indices.shape[number] == main.shape[number]
        for table in tables:
            for key in ("labels", "units"):
                assert table.attrs[key].dtype.kind == "S"
                assert len(table.attrs[key]) == table.shape[1 - number]
            assert len(set(table.attrs["labels"])) == len(table.attrs["labels"])
    return True


@pytest.fixture
def usid_file(tmp_path):
    opened = []

    def make(name="made.h5"):
        file = h5py.File(tmp_path / name, "w")
        opened.append(file)
        return file, file.create_group("Measurement_000/Channel_000")

    yield make
    for file in opened:
        file.close()


@pytest.fixture
def add():
    return add_main


@pytest.fixture
def grid():
    return make_grid


@pytest.fixture
def is_main():
    return check_main


@pytest.fixture
def yx():
    return make_grid(("Y", "um", 2 + 0.5 * np.arange(3)), ("X", "nm", 1 + 0.25 * np.arange(4)))


@pytest.fixture
def frequency():
    return make_grid(("Frequency", "kHz", 300.0 + np.arange(6)))
