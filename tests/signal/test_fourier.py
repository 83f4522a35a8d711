"""Fourier transforms with units, and tapers."""

import numpy as np
import pytest
import scipy.signal
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from omniscopy import samples, validate
from omniscopy.io import open as open_tree
from omniscopy.io import save
from omniscopy.io.saving import from_tree
from omniscopy.model import DataError, convert_units, coordinate
from omniscopy.signal import fourier, inverse_fourier, window


def series(values, start=0.0, step=1e-3, units="s", dim="time"):
    values = np.asarray(values)
    labels = start + step * np.arange(values.shape[-1])
    dims = ("cycle", dim)[-values.ndim :]
    coords = {dim: coordinate(dim, labels, units)}
    if values.ndim == 2:
        coords["cycle"] = coordinate("cycle", np.arange(len(values)), "1")
    return xr.DataArray(values, coords, dims=dims, attrs={"units": "V"})


def test_a_gaussian_off_the_origin_has_the_continuous_transform():
    time = -3.0 + 0.05 * np.arange(160)
    values = np.exp(-((time - 0.7) ** 2) / (2 * 0.3**2))
    found = fourier(series(values, -3.0, 0.05))
    f = found["frequency"].values
    exact = 0.3 * np.sqrt(2 * np.pi) * np.exp(-2 * (np.pi * 0.3 * f) ** 2 - 2j * np.pi * 0.7 * f)
    np.testing.assert_allclose(found, exact, atol=1e-12)
    assert found.attrs["units"] == "V s"
    assert found["frequency"].attrs["units"] == "Hz"
    assert validate(found) == []


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize("one_sided", [False, True])
def test_frequencies_are_those_of_numpy(size, one_sided):
    data = series(np.random.default_rng(0).standard_normal(size), units="ms", step=0.5)
    found = fourier(data, one_sided=one_sided)
    if one_sided:
        frequencies, values = np.fft.rfftfreq(size, 0.5), np.fft.rfft(data)
    else:
        frequencies = np.fft.fftshift(np.fft.fftfreq(size, 0.5))
        values = np.fft.fftshift(np.fft.fft(data))
    np.testing.assert_allclose(found["frequency"], frequencies)
    np.testing.assert_allclose(found, 0.5 * values, atol=1e-14)
    assert found["frequency"].attrs["units"] == "kHz"


def test_a_cosine_has_half_of_its_amplitude_at_its_frequency():
    time = 0.02 + 1e-3 * np.arange(200)
    found = fourier(series(3.0 * np.cos(2 * np.pi * 50 * time), 0.02), scaling="mean")
    np.testing.assert_allclose(found.sel(frequency=[-50, 50], method="nearest"), 1.5)
    assert float(abs(found).sum()) == pytest.approx(3.0)
    assert found.attrs["units"] == "V"


@given(
    size=st.integers(2, 33),
    start=st.floats(-1e3, 1e3),
    step=st.floats(1e-3, 1e3) | st.floats(-1e3, -1e-3),
    one_sided=st.booleans(),
    scaling=st.sampled_from(["integral", "mean"]),
)
def test_there_and_back_is_the_same(size, start, step, one_sided, scaling):
    values = np.random.default_rng(size).standard_normal(size)
    data = series(values, start, step)
    back = inverse_fourier(fourier(data, one_sided=one_sided, scaling=scaling))
    assert back.dims == data.dims
    assert (back.dtype.kind == "f") == one_sided
    np.testing.assert_allclose(back, values, atol=1e-9)
    far = float(abs(data["time"]).max())
    np.testing.assert_allclose(back["time"], data["time"], atol=1e-12 * far)
    assert back["time"].attrs == data["time"].attrs
    assert back.attrs["units"] == "V"


@given(size=st.integers(2, 40), step=st.floats(1e-3, 1e3))
def test_the_energy_is_that_of_the_data(size, step):
    data = series(np.random.default_rng(size).standard_normal((3, size)), 5.0, step)
    found = fourier(data, "time")
    df = 1 / (size * step)
    np.testing.assert_allclose(
        (abs(found) ** 2).sum("frequency") * df, (data**2).sum("time") * step, rtol=1e-9
    )


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("size", [6, 7])
def test_images_go_there_and_back_in_any_order_of_dimensions(one_sided, size):
    values = np.random.default_rng(1).standard_normal((2, 5, size))
    image = xr.DataArray(
        values, dims=("frame", "y", "x"), attrs={"units": "nm"},
        coords={"frame": coordinate("frame", [0, 1], "1"),
                "y": coordinate("y", 3.0 - 0.5 * np.arange(5), "nm"),
                "x": coordinate("x", 7.0 + 0.2 * np.arange(size), "nm")},
    )  # fmt: skip
    found = fourier(image, ["y", "x"], one_sided=one_sided)
    assert found.dims == ("frame", "ky", "kx")
    assert found.attrs["units"] == "nm^3"
    back = inverse_fourier(found.transpose("kx", "frame", "ky"))
    xr.testing.assert_allclose(back.transpose(*image.dims), image.astype(back.dtype))
    assert back.attrs["signal_type"] == "image_stack"
    swapped = fourier(image, ["x", "y"])
    xr.testing.assert_allclose(swapped, fourier(image, ["y", "x"]))


def test_a_shifted_image_has_the_phase_of_the_shift():
    y, x = np.meshgrid(np.arange(16.0), np.arange(12.0), indexing="ij")
    phase = 2 * np.pi * (3 / 16 * y - 2 / 12 * x)
    coords = {"y": coordinate("y", np.arange(16.0) + 4, "nm"),
              "x": coordinate("x", np.arange(12.0) - 9, "nm")}  # fmt: skip
    image = xr.DataArray(np.cos(phase), coords, dims=("y", "x"))
    found = fourier(image, ["y", "x"], scaling="mean")
    spot = complex(found.sel(ky=3 / 16, kx=-2 / 12, method="nearest"))
    assert np.angle(spot) == pytest.approx(-np.pi / 2)  # -2 pi (3/16 4 + 2/12 9)
    assert abs(spot) == pytest.approx(0.5)


def test_a_converted_frequency_axis_still_knows_the_way_back():
    data = series(np.random.default_rng(2).standard_normal(12), 0.1)
    found = convert_units(fourier(data), "kHz", dim="frequency")
    xr.testing.assert_allclose(inverse_fourier(found).real, data)


def test_a_saved_transform_still_knows_the_way_back(tmp_path):
    data = series(np.random.default_rng(3).standard_normal(13), 0.1)
    for name in ("a.zarr", "a.nc", "a.h5"):
        path = save(fourier(data, one_sided=True), tmp_path / name)
        back = inverse_fourier(from_tree(open_tree(path)))
        xr.testing.assert_allclose(back, data)
        assert back["time"].attrs["units"] == "s"


def test_the_response_in_a_band_rings_at_its_frequency():
    f = 1000.0 + 10.0 * np.arange(64)
    values = np.where(f == 1300.0, 1.0, 0.0)
    data = series(values, 1000.0, 10.0, units="Hz", dim="frequency")
    found = inverse_fourier(data)
    time = found["time"].values
    assert found["time"].attrs["units"] == "s"
    assert time[1] - time[0] == pytest.approx(1 / 640.0)
    np.testing.assert_allclose(found, 10.0 * np.exp(2j * np.pi * 1300.0 * time), atol=1e-9)
    later = inverse_fourier(data, start=0.25)
    np.testing.assert_allclose(later["time"], time + 0.25)
    np.testing.assert_allclose(later, 10.0 * np.exp(2j * np.pi * 1300.0 * (time + 0.25)), atol=1e-9)
    xr.testing.assert_allclose(inverse_fourier(data[::-1]), found)


def test_frequencies_that_were_cut_off_make_longer_steps():
    data = series(np.cos(2 * np.pi * 20.0 * 1e-3 * np.arange(100)))
    part = fourier(data).sel(frequency=slice(-100, 95))
    back = inverse_fourier(part)
    np.testing.assert_allclose(back.real, data[::5], atol=1e-12)
    np.testing.assert_allclose(back["time"], data["time"][::5])


@pytest.mark.parametrize("dtype", ["float32", ">f4", ">f8", "uint8", "int64", "complex64"])
def test_numbers_of_any_type_are_transformed(dtype):
    values = (100 * np.random.default_rng(4).random(20)).astype(dtype)
    found = fourier(series(values))
    single = dtype in ("float32", ">f4", "complex64")
    assert found.dtype == (np.complex64 if single else np.complex128)
    expected = 1e-3 * np.fft.fftshift(np.fft.fft(values))
    np.testing.assert_allclose(found, expected, rtol=1e-4 if single else 1e-12, atol=1e-5)


def test_a_missing_value_is_missing_in_its_own_line_only():
    values = np.random.default_rng(5).standard_normal((3, 9))
    values[1, 4] = np.nan
    found = fourier(series(values), "time")
    assert np.isnan(found).all("frequency").values.tolist() == [False, True, False]
    np.testing.assert_allclose(found[0], fourier(series(values[0])), rtol=1e-12)


def test_lazy_data_are_transformed_in_chunks():
    data = series(np.random.default_rng(6).standard_normal((6, 32)))
    found = fourier(data.chunk(cycle=2, time=8), "time")
    assert found.chunks == ((2, 2, 2), (32,))
    xr.testing.assert_allclose(found.compute(), fourier(data, "time"))


def test_says_what_cannot_be_transformed():
    data = series(np.ones(8))
    uneven = data.assign_coords(time=coordinate("time", np.arange(8.0) ** 2, "s"))
    with pytest.raises(DataError, match="must be uniform"):
        fourier(uneven)
    with pytest.raises(DataError, match="no one-sided spectrum"):
        fourier(data.astype(complex), one_sided=True)
    with pytest.raises(DataError, match="scaling must be one of"):
        fourier(data, scaling="unitary")
    with pytest.raises(DataError, match="hold one twice"):
        fourier(data, ["time", "time"])
    with pytest.raises(DataError, match="expected a dimension 'x'"):
        fourier(data, "x")
    with pytest.raises(DataError, match="the data have already"):
        fourier(samples.diffraction_4d(), "x")
    with pytest.raises(DataError, match="not whole any more: 8 points have 5"):
        inverse_fourier(fourier(data, one_sided=True)[1:])


@pytest.mark.parametrize(
    ("kind", "bins"),
    # F. J. Harris, Proc. IEEE 66, 51 (1978), table 1: equivalent noise bandwidth in bins.
    [("hann", 1.50), ("hamming", 1.36), ("blackman", 1.73), ("blackmanharris", 2.00),
     ("bartlett", 1.33), ("cosine", 1.23)],
)  # fmt: skip
def test_a_taper_has_the_noise_bandwidth_of_the_literature(kind, bins):
    tapered = window(series(np.ones(1000)), kind)
    known = tapered.attrs["window"]["time"]
    assert known["noise_bandwidth"] == pytest.approx(bins * 1.0, abs=0.006)  # 1 bin is 1 Hz
    assert known["noise_bandwidth_units"] == "Hz"
    assert known["coherent_gain"] == pytest.approx(float(tapered.mean()))
    assert tapered.attrs["units"] == "V"


def test_corrections_keep_the_height_of_peaks_or_the_power_of_noise():
    time = 1e-3 * np.arange(1000)
    cosine = series(np.cos(2 * np.pi * 50 * time))
    spectrum = fourier(window(cosine, "flattop", correct="amplitude"), scaling="mean")
    assert float(abs(spectrum).max()) == pytest.approx(0.5, rel=1e-6)
    noise = series(np.random.default_rng(7).standard_normal((300, 1000)))
    tapered = window(noise, "hann", "time", correct="power")
    assert float((tapered**2).mean()) == pytest.approx(float((noise**2).mean()), rel=0.01)


def test_two_dimensions_are_tapered_by_the_product():
    image = samples.surface()
    weights = window(xr.ones_like(image), "tukey", ["y", "x"], shape=0.2)
    taper = scipy.signal.windows.tukey(image.sizes["y"], 0.2, sym=False)
    other = scipy.signal.windows.tukey(image.sizes["x"], 0.2, sym=False)
    np.testing.assert_allclose(weights, np.outer(taper, other))
    assert set(weights.attrs["window"]) == {"y", "x"}


def test_says_which_tapers_there_are():
    data = series(np.ones(8))
    with pytest.raises(DataError, match="kind must be one of"):
        window(data, "triangle")
    with pytest.raises(DataError, match="correct must be one of"):
        window(data, correct="energy")
    with pytest.raises(DataError, match="have a shape"):
        window(data, "hann", shape=2.0)
