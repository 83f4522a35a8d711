"""MountainsMap files made by the independent encoder, and real ones."""

import json
import zlib

import numpy as np
import pytest

import omniscopy as om
from omniscopy.io.digitalsurf.reader import read
from omniscopy.io.errors import FormatError
from omniscopy.testing.files.digitalsurf import SurObject, write_sur
from omniscopy.testing.formats import check_handle

rng = np.random.default_rng(9)
NUMBERS = rng.integers(-900, 900, (4, 6)).astype(np.int32)
HEIGHTS = NUMBERS * 0.125 + 16
SPECTRAL = {"x_name": b"Wavelength", "x_units": b"mm", "x_step": 2.0**-19, "x_offset": 2.0**-12}


def signals(path, **options):
    return list(om.signals(om.open(path, **options)).values())


def only(path, **options):
    (data,) = signals(path, **options)
    return data


@pytest.mark.parametrize("streams", [0, 1, 3])
@pytest.mark.parametrize("kind", ["i2", "i4"])
def test_a_surface_is_number_times_step_plus_offset(tmp_path, streams, kind):
    path = write_sur(tmp_path / "a.sur", [SurObject(NUMBERS.astype(kind))], streams=streams)
    data = only(path)
    assert data.dims == ("y", "x")
    np.testing.assert_array_equal(data, HEIGHTS)
    np.testing.assert_allclose(data["x"], 8 + 0.5 * np.arange(6))
    np.testing.assert_allclose(data["y"], -2 + 0.25 * np.arange(4))
    assert [data[dim].attrs["units"] for dim in "yx"] == ["µm", "mm"]
    assert (data.attrs["units"], data.attrs["quantity"]) == ("µm", "height")
    assert om.validate(om.open(path)) == []


def test_points_that_were_not_measured_are_nan(tmp_path):
    numbers = NUMBERS.copy()
    numbers[1, 2] = NUMBERS.min() - 2
    fields = {"special": 1, "z_min": int(NUMBERS.min())}
    data = only(write_sur(tmp_path / "a.sur", [SurObject(numbers, fields=fields)]))
    assert np.isnan(data.values[1, 2])
    assert int(np.isnan(data.values).sum()) == 1
    absurd = {"special": 1, "z_min": -(2**31)}
    data = only(write_sur(tmp_path / "b.sur", [SurObject(NUMBERS, fields=absurd)]))
    np.testing.assert_array_equal(data, HEIGHTS)


def test_heights_that_are_not_absolute_start_at_the_offset(tmp_path):
    fields = {"absolute": 0, "z_offset": 16.0}
    data = only(write_sur(tmp_path / "a.sur", [SurObject(NUMBERS, fields=fields)]))
    np.testing.assert_allclose(data, 16 + 0.125 * (NUMBERS.astype(float) - NUMBERS.min()))


def test_colours_of_more_than_a_byte_keep_their_depth(tmp_path):
    shades = [np.array([[300, 60000], [2, 7]], "i4") + n for n in range(3)]
    fields = {"z_step": 1.0, "z_offset": 0.0}
    path = write_sur(tmp_path / "a.sur", [SurObject(each, 12, fields) for each in shades])
    data = only(path)
    assert data.dtype == np.uint16
    for name, expected in zip(("red", "green", "blue"), shades, strict=True):
        np.testing.assert_array_equal(data.sel(channel=name), expected)


def test_a_profile_over_energies_is_a_spectrum(tmp_path):
    fields = {"x_name": b"Energy loss", "x_units": b"eV", "x_step": 0.5, "x_offset": -8.0}
    data = only(write_sur(tmp_path / "a.pro", [SurObject(NUMBERS[:1], 1, fields)]))
    assert data.dims == ("energy_loss",)
    np.testing.assert_array_equal(data["energy_loss"], -8 + 0.5 * np.arange(6))
    assert data.attrs["signal_type"] == "spectrum"


def test_a_profile_is_along_x(tmp_path):
    data = only(write_sur(tmp_path / "a.pro", [SurObject(NUMBERS[:1], 1)]))
    assert data.dims == ("x",)
    np.testing.assert_array_equal(data, HEIGHTS[0])
    timed = {"x_units": b"ms"}
    data = only(write_sur(tmp_path / "b.pro", [SurObject(NUMBERS[:1], 1, timed)]))
    assert data.dims == ("time",)


def test_spectra_are_along_wavelengths_in_nanometres(tmp_path):
    path = write_sur(tmp_path / "a.pro", [SurObject(NUMBERS, 20, SPECTRAL)], streams=1)
    data = only(path)
    assert data.dims == ("y", "wavelength")
    np.testing.assert_array_equal(data, HEIGHTS)
    np.testing.assert_allclose(data["wavelength"], 1e6 * (2.0**-12 + 2.0**-19 * np.arange(6)))
    assert data["wavelength"].attrs["units"] == "nm"
    single = only(write_sur(tmp_path / "b.pro", [SurObject(NUMBERS[:1], 20, SPECTRAL)]))
    assert single.dims == ("wavelength",)
    raman = SPECTRAL | {"x_name": b"Raman shift", "x_units": b"cm-1", "x_step": 2.0}
    data = only(write_sur(tmp_path / "c.pro", [SurObject(NUMBERS, 20, raman)]))
    assert data.dims == ("y", "wavenumber")
    broken = SPECTRAL | {"x_step": np.nan}
    data = only(write_sur(tmp_path / "d.pro", [SurObject(NUMBERS, 20, broken)]))
    np.testing.assert_array_equal(data["wavelength"], np.arange(6))


def test_a_map_of_spectra_has_them_last(tmp_path):
    cube = rng.integers(-99, 99, (3, 4, 5)).astype(np.int16)
    fields = {"t_name": b"Wavelength", "t_units": b"nm", "t_step": 2.0, "t_offset": 400.0}
    data = only(write_sur(tmp_path / "a.sur", [SurObject(cube, 21, fields)], streams=2))
    assert data.dims == ("y", "x", "wavelength")
    np.testing.assert_array_equal(data, cube * 0.125 + 16)
    np.testing.assert_allclose(data["wavelength"], 400 + 2 * np.arange(5))


def shades(count):
    return rng.integers(0, 256, (count, 4, 6)).astype(np.uint8)


def colours(images, first):
    steps = {"z_step": 0.00255, "z_offset": 0.0}
    stored = np.rint(images / 0.00255).astype(np.int32)
    return [SurObject(each, 10 if n else first, steps) for n, each in enumerate(stored)]


def test_colours_are_one_image(tmp_path):
    images = shades(3)
    data = only(write_sur(tmp_path / "a.sur", colours(images, 12), streams=1))
    assert data.dims == ("y", "x", "channel")
    assert data.dtype == np.uint8
    np.testing.assert_array_equal(data, np.moveaxis(images, 0, -1))
    assert data.attrs["signal_type"] == "image"


def test_a_coloured_surface_is_a_surface_and_its_colours(tmp_path):
    images = shades(3)
    objects = [SurObject(NUMBERS, 13), *colours(images, 10)]
    surface, image = signals(write_sur(tmp_path / "a.sur", objects))
    np.testing.assert_array_equal(surface, HEIGHTS)
    np.testing.assert_array_equal(image, np.moveaxis(images, 0, -1))
    objects = [SurObject(NUMBERS, 16), *colours(images, 10), SurObject(NUMBERS * 2, 10)]
    assert len(signals(write_sur(tmp_path / "b.sur", objects))) == 3
    # Without all of its colours it is what it has.
    assert len(signals(write_sur(tmp_path / "c.sur", objects[:3]))) == 3


@pytest.mark.parametrize(
    ("units", "dim"), [(b"s", "time"), (b"\xb5m", "z"), (b"V", "parameter"), (b"", "frame")]
)
def test_a_series_of_surfaces_is_one_array(tmp_path, units, dim):
    fields = {"objects": 3, "t_units": units, "t_step": 0.5, "t_name": b"T"}
    objects = [SurObject(NUMBERS * n, 5, fields) for n in (1, 2, 3)]
    path = write_sur(tmp_path / "a.sur", objects)
    data = only(path)
    assert data.dims == (dim, "y", "x")
    np.testing.assert_array_equal(data, [NUMBERS * n * 0.125 + 16 for n in (1, 2, 3)])
    check_handle(read(path).channels[0].data)


def test_a_series_of_colour_images_is_one_array(tmp_path):
    images = shades(6)
    objects = colours(images, 18)
    objects[0] = SurObject(objects[0].numbers, 18, {**objects[0].fields, "objects": 2})
    path = write_sur(tmp_path / "a.sur", objects)
    data = only(path)
    assert data.dims == ("frame", "y", "x", "channel")
    np.testing.assert_array_equal(data, np.moveaxis(images.reshape(2, 3, 4, 6), 1, -1))
    check_handle(read(path).channels[0].data)


def test_the_header_fills_the_common_metadata(tmp_path):
    (channel,) = read(write_sur(tmp_path / "a.sur", [SurObject(NUMBERS)])).channels
    assert channel.metadata == {
        "title": "a map", "started": "2024-07-28T10:20:30", "operator": "Ada",
    }  # fmt: skip
    tree = channel.original_metadata
    assert json.loads(json.dumps(tree)) == tree
    assert tree["comment"] == "$_a = 1"
    odd = SurObject(NUMBERS, fields={"date": (99, 0, 0, 0, 0, 9)})
    (channel,) = read(write_sur(tmp_path / "b.sur", [odd])).channels
    assert "started" not in channel.metadata


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bits": 8}, "8 bits a number"),
        ({"private_size": -5}, "comments of .* are not known"),
        ({"rows": 0}, "0 lines of 6 points cannot be"),
        ({"total": 7}, "not the 7 points announced"),
        ({"rows": 9, "total": 54}, r"\(9, 6\) numbers need 216 bytes, there are 96"),
    ],
)
def test_headers_that_contradict_the_data_are_refused(tmp_path, fields, message):
    path = write_sur(tmp_path / "a.sur", [SurObject(NUMBERS, fields=fields)])
    with pytest.raises(FormatError, match=rf"a\.sur.*{message}"):
        om.open(path)


@pytest.mark.parametrize(
    ("at", "raw", "message"),
    [
        (0, b"\xff\xff\0\0", "65535 packed streams cannot be"),
        (4, b"\xff\xff\xff\x7f", "for 2147483647 cannot be there"),
        (4, b"\x5f\0\0\0", "are not of 96 bytes"),
    ],
)
def test_packed_streams_that_cannot_be_are_refused(tmp_path, at, raw, message):
    path = write_sur(tmp_path / "a.sur", [SurObject(NUMBERS)], streams=1, comment="")
    content = bytearray(path.read_bytes())
    content[517 + at : 521 + at] = raw
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message):
        om.open(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: bytes(len(raw)), "cannot be unpacked"),
        (lambda raw: zlib.compress(bytes(50)), "96 bytes were expected, 50 were unpacked"),
    ],
)
def test_damaged_streams_are_named_when_they_are_read(tmp_path, change, message):
    path = write_sur(tmp_path / "a.sur", [SurObject(NUMBERS)], streams=1, comment="")
    content = path.read_bytes()
    damaged = change(content[529:])
    path.write_bytes(content[:529] + damaged.ljust(len(content) - 529, b"\0"))
    with pytest.raises(FormatError, match=message):
        om.open_signal(path).compute()


def test_a_file_that_is_cut_short_is_refused_or_read_in_part(tmp_path):
    path = write_sur(tmp_path / "a.sur", [SurObject(NUMBERS), SurObject(NUMBERS * 2)])
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(FormatError, match=r"a\.sur.*cut short"):
        om.open(path)
    tree = om.open(path, partial=True)
    (data,) = om.signals(tree).values()
    np.testing.assert_array_equal(data, HEIGHTS)
    assert "object 2" in tree.attrs["not_read"]
    path.write_bytes(b"DIGITAL SURF and no more")
    with pytest.raises(FormatError, match="the header of an object was expected"):
        read(path, partial=True)


@pytest.mark.shared
def test_every_real_file_is_as_the_manifest_says(real_files):
    rows = real_files("digitalsurf")
    assert len(rows) == 6
    for row in rows:
        path = row["path"]
        (channel,) = read(path).channels
        fields = channel.original_metadata
        data, (said,) = only(path), row["signals"]
        values = data.values
        if "RGB" in row["file"]:
            values = np.moveaxis(values, -1, 0)
            # The reference counts each colour from its own lowest value, which is then lost.
            assert values.reshape(3, -1).min(1).tolist() == [1, 6, 11]
            values = values - values.reshape(3, -1).min(1).astype(int)[:, None, None]
        elif fields["absolute"]:
            # So it does with numbers. Here the surface, and the mean spectrum, of one map have
            # one mean, and spectra have as many counts below 0 as noise makes.
            values = values - fields["z_min"] * fields["z_step"]
        assert list(values.shape) == said["shape"]
        finite = values[np.isfinite(values)]
        assert values.size - finite.size == said["n_nan"]
        for measure in ("min", "max", "mean", "std"):
            found = getattr(finite.astype("f8"), measure)()
            assert found == pytest.approx(said[measure], rel=1e-6, abs=1e-9)
        dims = [dim for dim in data.dims if dim != "channel"]
        for dim, axis in zip(dims, said["axes"][-len(dims) :], strict=True):
            factor = 1e6 if dim == "wavelength" else 1.0  # mm in the file
            expected = factor * (axis["offset"] + axis["scale"] * np.arange(axis["size"]))
            np.testing.assert_allclose(data[dim], expected, rtol=1e-6)


@pytest.mark.shared
def test_surface_and_spectrum_of_one_map_agree(shared):
    folder = shared / "data/vendor/digitalsurf"
    surface, spectrum = (only(folder / f"test_{name}") for name in ("surface.sur", "spectrum.pro"))
    assert float(surface.mean()) == pytest.approx(float(spectrum.mean()), rel=1e-6)
