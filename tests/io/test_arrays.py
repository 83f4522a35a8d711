"""Handles of arrays on disk read what NumPy would give."""

import pickle
import tracemalloc

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniscopy.io.arrays import (
    Flipped,
    Hdf5Array,
    Mapped,
    Padded,
    Scaled,
    Transposed,
    Viewed,
    full_key,
)
from omniscopy.io.errors import FormatError
from omniscopy.io.frames import FrameStream
from omniscopy.io.tree import lazy_array


@pytest.fixture(scope="module")
def block(tmp_path_factory):
    path = tmp_path_factory.mktemp("arrays") / "block.raw"
    values = np.arange(3 * 4 * 5, dtype=">i2").reshape(3, 4, 5)
    path.write_bytes(b"header" + values.tobytes())
    return Mapped(str(path), 6, (3, 4, 5), np.dtype(">i2")), values


def keys(shape):
    def part(size):
        ends = st.none() | st.integers(-size - 1, size + 1)
        return st.integers(-size, size - 1) | st.builds(
            slice, ends, ends, st.none() | st.integers(1, 3)
        )

    return st.tuples(*(part(size) for size in shape))


@given(key=keys((3, 4, 5)))
def test_a_mapped_block_reads_as_the_array_in_native_byte_order(block, key):
    handle, values = block
    np.testing.assert_array_equal(handle[full_key(key, handle.shape)], values[key])
    assert handle[full_key(key, handle.shape)].dtype == np.dtype("i2")


@given(key=keys((5, 3, 4)), axes=st.just((2, 0, 1)))
def test_a_transposed_view_reads_as_the_transposed_array(block, key, axes):
    handle, values = block
    view = Transposed(handle, axes)
    assert view.shape == (5, 3, 4)
    np.testing.assert_array_equal(view[full_key(key, view.shape)], values.transpose(axes)[key])


@given(key=keys((3, 4, 5)), axes=st.sets(st.sampled_from([0, 1, 2])))
def test_a_flipped_view_reads_as_the_flipped_array(block, key, axes):
    handle, values = block
    view = Flipped(handle, tuple(axes))
    np.testing.assert_array_equal(
        view[full_key(key, view.shape)], np.flip(values, tuple(axes))[key]
    )


@given(key=keys((7, 4, 5)))
def test_a_padded_view_is_filled_where_there_is_nothing(block, key):
    handle, values = block
    view = Padded(Scaled(handle, 0.5, 1.0), 7, np.nan)
    expected = np.full((7, 4, 5), np.nan)
    expected[:3] = 1 + values / 2
    np.testing.assert_array_equal(view[full_key(key, view.shape)], expected[key])


def test_fortran_order_is_read_as_it_was_written(tmp_path):
    values = np.arange(12.0).reshape(3, 4)
    path = tmp_path / "fortran.raw"
    path.write_bytes(values.tobytes(order="F"))
    handle = Mapped(str(path), 0, (3, 4), np.dtype("f8"), order="F")
    np.testing.assert_array_equal(handle[1:, 2], values[1:, 2])


def test_handles_travel_without_an_open_file(block):
    handle, values = block
    copy = pickle.loads(pickle.dumps(Scaled(Transposed(handle, (1, 0, 2)), 2.0)))
    np.testing.assert_array_equal(copy[1, 2, 3], 2.0 * values[2, 1, 3])


def test_a_block_beyond_the_end_of_the_file_is_refused(tmp_path):
    path = tmp_path / "short.raw"
    path.write_bytes(bytes(100))
    with pytest.raises(FormatError, match=r"needs 800 bytes.*has 90 there") as caught:
        Mapped(str(path), 10, (100,), np.dtype("f8"))
    assert caught.value.offset == 10
    assert caught.value.path == str(path)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.offset) == (str(caught.value), 10)


def test_absurd_shapes_cost_nothing_and_are_refused(tmp_path):
    path = tmp_path / "absurd.raw"
    path.write_bytes(bytes(100))
    with pytest.raises(FormatError, match="cut short or its header is damaged"):
        Mapped(str(path), 0, (2**31, 2**31, 2**31), np.dtype("f8"))
    with pytest.raises(FormatError, match="cannot be"):
        Mapped(str(path), 0, (-1, 2), np.dtype("f8"))


def test_an_hdf5_dataset_is_read_by_place_and_names_its_place_when_it_fails(tmp_path):
    import h5py

    path = tmp_path / "file.h5"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("a/b", data=np.arange(6, dtype=">u4").reshape(2, 3))
        handle = Hdf5Array.of(dataset)
    np.testing.assert_array_equal(handle[1, :], [3, 4, 5])
    assert handle.dtype == np.dtype("u4")
    path.unlink()
    with pytest.raises(FormatError, match="'/a/b'"):
        handle[0, :]


@pytest.mark.parametrize("kind", ["raw", "hdf5", "chunked", "swapped"])
def test_long_blocks_are_read_without_a_copy_and_never_written_back(tmp_path, kind):
    values = np.arange(600_000, dtype="f4").reshape(300, 2000)
    path = tmp_path / "a.bin"
    if kind in {"raw", "swapped"}:
        stored = values.astype(">f4" if kind == "swapped" else "<f4")
        stored.tofile(path)
        handle = Mapped(str(path), 0, values.shape, stored.dtype)
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("a", data=values, chunks=(10, 2000) if kind == "chunked" else None)
            handle = Hdf5Array.of(file["a"])
    before = path.read_bytes()
    block = Viewed(handle, "a")[slice(0, 200), slice(None)]
    np.testing.assert_array_equal(block, values[:200])
    assert block.dtype.isnative
    block[:] = -1
    assert path.read_bytes() == before
    np.testing.assert_array_equal(Viewed(handle, "a")[slice(0, 200), slice(None)], values[:200])
    np.testing.assert_array_equal(
        Viewed(handle, "a")[slice(None), slice(3, 9, 2)], values[:, 3:9:2]
    )


def test_the_blocks_of_an_array_are_copied_once(tmp_path):
    values = np.arange(2**21, dtype="f4").reshape(4, 2**19)
    values.tofile(tmp_path / "a.bin")
    handle = Mapped(str(tmp_path / "a.bin"), 0, values.shape, values.dtype)
    lazy_array(handle, whole=(), chunks=(1, 2**19))[0, :9].compute()  # imports what it needs
    tracemalloc.start()
    found = lazy_array(handle, whole=(), chunks=(1, 2**19)).compute()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(found, values)
    assert peak < 1.6 * values.nbytes


def test_what_is_made_of_an_array_is_as_that_is_in_all_that_it_does_not_change(tmp_path):
    values = np.arange(12, dtype="i2").reshape(3, 4)
    values.tofile(tmp_path / "a.bin")
    inner = Mapped(str(tmp_path / "a.bin"), 0, (3, 4), values.dtype, chunks=(1, 4))
    turned, scaled = Flipped(inner, (0,)), Scaled(inner, 2.0)
    assert (turned.shape, turned.dtype, turned.chunks) == ((3, 4), np.dtype("i2"), (1, 4))
    assert (scaled.shape, scaled.dtype, scaled.chunks) == ((3, 4), np.dtype("f8"), (1, 4))
    again = pickle.loads(pickle.dumps(turned))
    assert again == turned
    assert hash(again) == hash(turned) == hash(Flipped(inner, (0,)))


@pytest.mark.parametrize("flipped", [(), (1,), (1, 2)])
def test_series_of_frames_with_headers_are_copied_once_too(tmp_path, flipped):
    """Whole or in part, turned or not, and never written back."""
    values = np.arange(2**20, dtype="f4").reshape(64, 128, 128)
    rows = [b"head" + frame.tobytes() + b"tailtail" for frame in values]
    (tmp_path / "a.bin").write_bytes(b"x" * 6 + b"".join(rows))
    frames = FrameStream(
        str(tmp_path / "a.bin"), 6, (4, 16), (128, 128), "<f4", 64, before=4, after=8
    )
    axes = tuple(axis + 1 for axis in flipped)
    handle = Flipped(frames, axes) if axes else frames
    expected = np.flip(values.reshape(4, 16, 128, 128), axes)
    lazy = lazy_array(handle, whole=(2, 3), chunks="auto")
    lazy[0, :9].compute()  # imports what it needs
    tracemalloc.start()
    found = lazy.compute()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(found, expected)
    assert peak < 1.6 * values.nbytes
    before = (tmp_path / "a.bin").read_bytes()
    block = handle.view((slice(1, 4), slice(None), slice(None), slice(None)))
    np.testing.assert_array_equal(block, expected[1:])
    block[:] = -1
    assert (tmp_path / "a.bin").read_bytes() == before
    part = handle.view((slice(1, 4), slice(2, 9, 3), 5, slice(None)))
    np.testing.assert_array_equal(part, expected[1:, 2:9:3, 5])
