"""Pictures of Semper: laid out by hand, damaged, and the real ones."""

import hashlib

import dask.array as da
import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.testing.files.semper import write_semper

rng = np.random.default_rng(0)
PICTURE = rng.integers(0, 100, (3, 5)).astype(np.int16)
SCALES = {"x": (0.5, 2.0, "nm"), "y": (0.25, -1.0, "um"), "z": (3.0, 0.0, "nm")}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f4", "c8"])
@pytest.mark.parametrize("shape", [(3, 5), (4, 3, 5)])
@pytest.mark.parametrize("label", [True, False])
def test_rows_are_read_between_their_marks(tmp_path, order, dtype, shape, label):
    picture = (100 * rng.normal(size=shape)).astype(dtype)
    path = write_semper(tmp_path / "a.unf", picture, order=order, label=label)
    data = om.open_signal(path)
    assert isinstance(data.data, da.Array)
    assert data.dims == ("z", "y", "x")[-len(shape) :]
    assert data.dtype == dtype
    np.testing.assert_array_equal(data, picture)
    np.testing.assert_array_equal(data[..., 1:, ::2], picture[..., 1:, ::2])
    assert om.validate(data) == []


def test_the_label_has_scales_title_and_date(tmp_path):
    picture = rng.normal(size=(2, 3, 5)).astype("f4")
    data = om.open_signal(write_semper(tmp_path / "a.unf", picture, title="A µ", scales=SCALES))
    np.testing.assert_allclose(data["x"], 2 + 0.5 * np.arange(5))
    np.testing.assert_allclose(data["y"], -1 + 0.25 * np.arange(3))
    np.testing.assert_allclose(data["z"], [0, 3])
    assert [data[dim].attrs["units"] for dim in "zyx"] == ["nm", "µm", "nm"]
    assert data.attrs["long_name"] == "A µ"
    assert data.attrs["metadata"]["started"] == "2015-10-27T14:28:22"
    label = data.attrs["original_metadata"]["label"]
    assert (label["columns"], label["centre_column"], label["range"]) == (5, 3, "0,7")


@pytest.mark.parametrize(("year", "found"), [(1987, "1987"), (15, "2015"), (-500, None)])
def test_years_may_have_two_digits_or_make_no_sense(tmp_path, year, found):
    data = om.open_signal(write_semper(tmp_path / "a.unf", PICTURE, year=year))
    started = data.attrs.get("metadata", {}).get("started")
    assert (started or "")[:4] == (found or "")


def test_a_transform_is_reciprocal(tmp_path):
    data = om.open_signal(write_semper(tmp_path / "a.unf", PICTURE.astype("c8"), kind=3))
    assert data.dims == ("ky", "kx")


def test_a_single_row_is_a_line(tmp_path):
    data = om.open_signal(write_semper(tmp_path / "a.unf", PICTURE[:1]))
    assert data.dims == ("x",)


def damaged(path, at, content):
    raw = bytearray(path.read_bytes())
    raw[at : at + len(content)] = content
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("at", "content", "error", "message"),
    [
        (0, b"\x0d", om.FormatError, "a record of 12 bytes was expected"),
        (4, b"\0\0", om.FormatError, "1 x 3 x 0 pixels cannot be"),
        (6, b"\xff\x7f", om.FormatError, "cut short or its header is damaged"),
        (12, b"\x09", UnsupportedFormatError, "form 9 are not known"),
        (16, b"\0", om.FormatError, "does not end where it should"),
        (20, b"\0\0", om.FormatError, "a record of 512 bytes was expected, one of 0"),
    ],
)
def test_damage_is_named(tmp_path, at, content, error, message):
    path = damaged(write_semper(tmp_path / "a.unf", PICTURE), at, content)
    with pytest.raises(error, match=message):
        om.open(path, reader="semper")


def test_a_cut_picture_is_refused(tmp_path):
    path = write_semper(tmp_path / "a.unf", PICTURE)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(om.FormatError, match="needs 54 bytes, but the file"):
        om.open(path, partial=True)


def test_marks_that_do_not_fit_are_met_when_rows_are_read(tmp_path):
    path = write_semper(tmp_path / "a.unf", PICTURE)
    damaged(path, len(path.read_bytes()) - 22, b"\x07")
    with pytest.raises(om.FormatError, match="rows are not records of 10 bytes"):
        om.open_signal(path).load()


@pytest.mark.shared
def test_real_pictures_are_as_the_manifest_says(real_files):
    entries = real_files("semper_unf")
    assert len(entries) == 5
    for entry in entries:
        data = om.open_signal(entry["path"])
        (expected,) = entry["signals"]
        assert list(data.shape) == expected["shape"]
        assert data.dtype == expected["dtype"]
        digest = hashlib.sha256(np.ascontiguousarray(data.values).tobytes()).hexdigest()
        assert digest.startswith(expected["sha256"])
        # The reference calls the slowest dimension x; the file has its columns fastest.
        assert data.dims == ("z", "y", "x")[-data.ndim :]
        for dim, axis in zip(data.dims, expected["axes"], strict=True):
            wanted = axis["offset"] + axis["scale"] * np.arange(axis["size"])
            np.testing.assert_allclose(data[dim], wanted)
            assert data[dim].attrs.get("units", "") == (axis["units"] or "")
        if expected["title"]:
            assert data.attrs["long_name"] == expected["title"]
        if entry["file"].endswith("example_image_int16.unf"):
            assert data.attrs["metadata"]["started"] == "2015-11-18T02:20:00"
        assert om.validate(data) == []
