"""Ripple files: tables laid out by hand, what `save` writes, and the real ones."""

import hashlib
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import omniscopy as om
from omniscopy.io.errors import UnsupportedFormatError
from omniscopy.testing.files.ripple import write_ripple

rng = np.random.default_rng(0)
CUBE = rng.integers(0, 1000, (2, 3, 4)).astype(np.int16)
EELS = {
    "signal": "EELS", "depth-scale": 0.5, "depth-origin": -2, "depth-units": "eV",
    "width-scale": 2, "width-units": "nm", "height-scale": 3, "height-units": "nm",
    "beam-energy": 200, "convergence-angle": 7.5, "date": "2020-02-03", "time": "04:05:06",
    "title": "A cube",
}  # fmt: skip


def opened(path, **options):
    return om.open_signal(path, **options)


@pytest.mark.parametrize("byte_order", ["little-endian", "big-endian"])
@pytest.mark.parametrize("offset", [0, 33])
def test_spectra_lie_behind_each_pixel(tmp_path, byte_order, offset):
    path = write_ripple(
        tmp_path / "a.rpl", CUBE, byte_order=byte_order, offset=offset, further=EELS
    )
    data = opened(path)
    assert data.dims == ("y", "x", "energy_loss")
    assert data.dtype == np.int16
    np.testing.assert_array_equal(data, CUBE)
    np.testing.assert_allclose(data["energy_loss"], [-2, -1.5, -1, -0.5])
    np.testing.assert_allclose(data["x"], [0, 2, 4])
    np.testing.assert_allclose(data["y"], [0, 3])
    assert [data[dim].attrs["units"] for dim in data.dims] == ["nm", "nm", "eV"]
    assert data.attrs["metadata"]["beam"] == {"voltage": 200e3, "convergence_angle": 7.5}
    assert data.attrs["metadata"]["started"] == "2020-02-03T04:05:06"
    assert (data.attrs["modality"], data.attrs["long_name"]) == ("EELS", "A cube")
    assert data.attrs["original_metadata"]["beam-energy"] == "200"


def test_images_of_energies_are_shown_as_spectra_of_pixels(tmp_path):
    path = write_ripple(tmp_path / "a.rpl", CUBE, record_by="image", further={"depth-units": "keV"})
    data = opened(path)
    assert data.dims == ("y", "x", "energy")
    np.testing.assert_array_equal(data, CUBE.transpose(1, 2, 0))
    np.testing.assert_array_equal(data[1, ::2, 1], CUBE.transpose(1, 2, 0)[1, ::2, 1])


def test_a_plain_table_of_another_program_is_enough(tmp_path):
    path = write_ripple(
        tmp_path / "a.rpl", CUBE.astype(np.uint8), comment="", further={"ev-per-chan": 10}
    )
    data = opened(path)
    assert data.dims == ("y", "x", "energy")
    np.testing.assert_allclose(data["energy"], [0, 10, 20, 30])
    assert data["energy"].attrs["units"] == "eV"


def test_a_table_with_blanks_between_its_words_is_read(tmp_path):
    path = write_ripple(tmp_path / "a.rpl", CUBE, further={"depth-units": "keV"})
    path.write_text(path.read_text("utf-8").upper().replace("\t", " "), "utf-8")
    np.testing.assert_array_equal(opened(path), CUBE)


def test_dimensions_of_one_pixel_are_left_out_unless_they_are_described(tmp_path):
    plain = write_ripple(tmp_path / "a.rpl", CUBE[:1])
    assert opened(plain).shape == (3, 4)
    said = write_ripple(tmp_path / "b.rpl", CUBE[:1], further={"height-scale": 2})
    assert opened(said).shape == (1, 3, 4)
    one = write_ripple(tmp_path / "c.rpl", CUBE[:1, :1, :1])
    assert opened(one).shape == (1,)


def test_a_file_is_read_lazily_in_parts(tmp_path):
    data = opened(write_ripple(tmp_path / "a.rpl", CUBE))
    assert isinstance(data.data, da.Array)
    np.testing.assert_array_equal(data[1, :2, ::3], CUBE[1, :2, ::3])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("width\t3", "width\t0", "whole number of at least 1"),
        ("width\t3", "width\t99999999999999", "values of 2 bytes take"),
        ("width\t3", "width\t2", "cut short or damaged"),
        ("data-length\t2", "data-length\t3", "numbers of 3 bytes are not known"),
        ("data-type\tsigned", "data-type\tcomplex", "signed, unsigned, float was expected"),
        ("byte-order\tlittle-endian", "byte-order\tmiddle", "'middle' was found"),
        ("record-by\tvector", "record-by\theap", "vector, image, dont-care was expected"),
        ("offset\t0", "offset\t1000", "after 1000"),
    ],
)
def test_a_table_that_contradicts_the_values_is_refused(tmp_path, old, new, message):
    path = write_ripple(tmp_path / "a.rpl", CUBE)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(om.FormatError, match=message):
        om.open(path)


def test_values_that_are_missing_are_asked_for(tmp_path):
    path = write_ripple(tmp_path / "a.rpl", CUBE)
    path.with_suffix(".raw").unlink()
    with pytest.raises(om.FormatError, match=r"'a\.raw', which is not beside the table"):
        om.open(path)


def test_values_cut_short_are_read_in_part_on_request(tmp_path):
    path = write_ripple(tmp_path / "a.rpl", CUBE)
    raw = path.with_suffix(".raw")
    raw.write_bytes(raw.read_bytes()[:-5])
    with pytest.raises(om.FormatError, match="partial=True"):
        om.open(path)
    data = opened(path, partial=True)
    np.testing.assert_array_equal(data[0], CUBE[0])
    assert np.isnan(data[1]).all()
    assert data.attrs["incomplete"]["missing_from"] == 1


def test_further_bytes_are_left_out_on_request(tmp_path):
    path = write_ripple(tmp_path / "a.rpl", CUBE)
    raw = path.with_suffix(".raw")
    raw.write_bytes(raw.read_bytes() + b"xyz")
    with pytest.raises(om.FormatError, match="has 51 after 0"):
        om.open(path)
    data = opened(path, partial=True)
    np.testing.assert_array_equal(data, CUBE)
    assert data.attrs["bytes_left_out"] == 3


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i4", "u8", "f4", "f8", "?"])
@pytest.mark.parametrize(
    "dims", [("energy",), ("y", "x"), ("x", "energy"), ("y", "x", "energy"), ("frame", "y", "x")]
)
def test_what_is_saved_comes_back(tmp_path, dtype, dims):
    shape = (2, 3, 4)[: len(dims)]
    data = xr.DataArray(
        rng.integers(0, 2, shape).astype(dtype),
        dims=dims,
        coords={dim: (dim, 1.5 - 0.25 * np.arange(n)) for dim, n in zip(dims, shape, strict=True)},
        name="cube",
        attrs={"units": "counts", "long_name": "Two  blanks"},
    ).chunk(2)
    back = opened(om.save(data, tmp_path / "a.rpl"))
    kind = "u1" if dtype == "?" else dtype
    xr.testing.assert_equal(back, data.astype(kind))
    assert back.attrs["long_name"] == "Two  blanks"
    assert om.history(back)


def test_both_files_are_there_or_none(tmp_path):
    data = om.samples.spectrum_image()
    path = om.save(data, tmp_path / "a.rpl")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.raw", "a.rpl"]
    path.unlink()
    with pytest.raises(FileExistsError, match=r"a\.raw is there already"):
        om.save(data, path)
    broken = data.copy(data=da.from_delayed(_fail(), data.shape, data.dtype))
    with pytest.raises(ZeroDivisionError):
        om.save(broken, tmp_path / "b.rpl")
    assert [each.name for each in tmp_path.iterdir()] == ["a.raw"]


def _fail():
    from dask import delayed

    return delayed(lambda: 1 / 0)()


def test_the_values_that_data_come_from_are_not_written_over(tmp_path):
    CUBE.tofile(tmp_path / "a.raw")
    data = om.io.open_raw(tmp_path / "a.raw", CUBE.shape, "int16", dims=("frame", "y", "x"))
    with pytest.raises(om.DataError, match=r"a\.raw is a source of this data"):
        om.save(data, tmp_path / "a.rpl", overwrite=True)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (xr.DataArray(np.zeros((2, 2), complex), dims=("y", "x")), "real numbers"),
        (xr.DataArray(np.zeros((2, 2, 2, 2)), dims=("y", "x", "ky", "kx")), "1 or 2 or 3"),
        (xr.DataArray(np.zeros(3), dims="x", coords={"x": [0, 1, 5]}), "even grid"),
        (xr.DataArray(np.zeros(3, "f16"), dims="x"), "convert to float64"),
    ],
)
def test_what_a_table_cannot_say_is_refused(tmp_path, data, message):
    with pytest.raises(UnsupportedFormatError, match=message):
        om.save(data, tmp_path / "a.rpl")


@pytest.mark.shared
def test_real_files_are_as_the_manifest_says(real_files):
    entries = real_files("ripple")
    assert len(entries) == 8
    for entry in entries:
        data = opened(entry["path"])
        (expected,) = entry["signals"]
        assert list(data.shape) == expected["shape"]
        assert data.dtype == expected["dtype"]
        digest = hashlib.sha256(np.ascontiguousarray(data.values).tobytes()).hexdigest()
        assert digest.startswith(expected["sha256"])
        assert data.attrs["long_name"] == (expected["title"] or Path(entry["file"]).stem)
        for dim, axis in zip(data.dims, expected["axes"], strict=True):
            wanted = axis["offset"] + axis["scale"] * np.arange(axis["size"])
            np.testing.assert_allclose(data[dim], wanted)
            assert data[dim].attrs["units"] == axis["units"]
        assert om.validate(data) == []
