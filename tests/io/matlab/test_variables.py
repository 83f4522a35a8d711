"""Variables of MATLAB files, written by hand, by SciPy and by h5py."""

import h5py
import numpy as np
import pytest
import scipy.io

import omniscopy as om
from omniscopy.io.matlab import Cells, read_variables
from omniscopy.testing.files.matlab import write_mat

NUMBERS = np.arange(24.0).reshape(2, 3, 4)


def sample():
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = np.arange(3.0), "two"
    return {
        "numbers": NUMBERS, "counts": NUMBERS.astype("i2"), "complex": NUMBERS[0] * (1 + 2j),
        "text": "abc", "cells": cells, "parms": {"rate": np.array([4e6]), "name": "x"},
    }  # fmt: skip


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_variables_come_back(tmp_path, packed, order):
    path = write_mat(tmp_path / "a.mat", sample(), packed=packed, order=order)
    found = read_variables(path)
    np.testing.assert_array_equal(found["numbers"], NUMBERS)
    assert found["counts"].dtype == np.int16
    np.testing.assert_array_equal(found["complex"], NUMBERS[0] * (1 + 2j))
    assert found["text"] == "abc"
    assert found["cells"].shape == (1, 2)
    np.testing.assert_array_equal(found["cells"].items[0].ravel(), np.arange(3))
    assert found["cells"].items[1] == "two"
    assert found["parms"]["rate"] == 4e6
    assert found["parms"]["name"] == "x"
    assert set(read_variables(path, ["text"])) == {"text"}


@pytest.mark.parametrize("packed", [False, True])
def test_files_of_another_writer_are_read(tmp_path, packed):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, sample(), do_compression=packed)
    found = read_variables(path)
    np.testing.assert_array_equal(found["numbers"], NUMBERS)
    np.testing.assert_array_equal(found["complex"], NUMBERS[0] * (1 + 2j))
    assert found["text"] == "abc"
    assert found["cells"].items[1] == "two"
    assert found["parms"]["name"] == "x"


def test_the_encoder_is_understood_by_another_reader(tmp_path):
    found = scipy.io.loadmat(write_mat(tmp_path / "a.mat", sample(), packed=True))
    np.testing.assert_array_equal(found["numbers"], NUMBERS)
    np.testing.assert_array_equal(found["complex"], NUMBERS[0] * (1 + 2j))
    assert found["text"][0] == "abc"
    assert found["parms"]["name"][0, 0][0] == "x"


def test_version_7_3_is_read_in_the_same_order(tmp_path):
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["numbers"] = NUMBERS.T
        file["text"] = np.array([[ord(c)] for c in "abc"], np.uint16)
        file["text"].attrs["MATLAB_class"] = np.bytes_("char")
        group = file.create_group("parms")
        group["rate"] = np.array([[4e6]])
        file["#refs#/a"] = np.arange(3.0)[:, None]
        file["cells"] = np.array([[file["#refs#/a"].ref]], h5py.ref_dtype)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, made by hand".ljust(124) + b"\x00\x02IM")
    found = read_variables(path)
    np.testing.assert_array_equal(found["numbers"], NUMBERS)
    assert found["text"] == "abc"
    assert found["parms"]["rate"] == 4e6
    assert isinstance(found["cells"], Cells)
    np.testing.assert_array_equal(found["cells"].items[0].ravel(), np.arange(3))


def test_damage_is_named(tmp_path):
    path = write_mat(tmp_path / "a.mat", {"numbers": NUMBERS})
    content = path.read_bytes()
    path.write_bytes(content[:-40])
    with pytest.raises(om.FormatError, match="goes beyond the end"):
        read_variables(path)
    path.write_bytes(content.replace(np.array([2, 3, 4], "<i4").tobytes(),
                                     np.array([2, 3, 9], "<i4").tobytes()))  # fmt: skip
    with pytest.raises(om.FormatError, match=r"shape \(2, 3, 9\) has 24 numbers"):
        read_variables(path)
    path.write_bytes(b"MATLAB 4" + content[8:])
    with pytest.raises(om.FormatError, match=r"version 5 or 7\.3"):
        read_variables(path)
    path.write_bytes(content[:126] + b"XX" + content[128:])
    with pytest.raises(om.FormatError, match="byte order"):
        read_variables(path)
    packed = write_mat(path, {"numbers": NUMBERS}, packed=True).read_bytes()
    path.write_bytes(packed[:150] + bytes(20) + packed[170:])
    with pytest.raises(om.FormatError, match="compressed variable is damaged"):
        read_variables(path)
