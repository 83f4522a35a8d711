"""Filters in units of frequency."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from omniscopy import samples
from omniscopy.io.recipes.running import Recipe, RecipeStep, format_recipe, parse_recipe
from omniscopy.model import DataError, convert_units, coordinate, decode, encode, history
from omniscopy.signal import (
    BandPass,
    Harmonics,
    HighPass,
    LowPass,
    NoiseFloor,
    Notch,
    filter_fourier,
    filter_response,
    fourier,
)

STEP = 1e-4  # s
TIME = STEP * np.arange(1000)
LINES = (50.0, 440.0, 1320.0)


def series(values, start=0.0, step=STEP, units="s"):
    values = np.asarray(values)
    labels = start + step * np.arange(values.shape[-1])
    coords = {"time": coordinate("time", labels, units)}
    if values.ndim == 2:
        coords["y"] = coordinate("y", np.arange(len(values)), "nm")
    return xr.DataArray(values, coords, dims=("y", "time")[-values.ndim :], attrs={"units": "V"})


def tone(frequency, phase=0.7):
    return np.cos(2 * np.pi * frequency * TIME + phase)


CHORD = series(2.0 + sum(tone(f) for f in LINES), start=3.0)


@pytest.mark.parametrize(
    ("chosen", "kept", "mean"),
    [
        (LowPass(200.0), [50.0], 2.0),
        (LowPass(440.0, roll_off=0), [50.0, 440.0], 2.0),
        (HighPass(200.0), [440.0, 1320.0], 0.0),
        (HighPass(440.0, roll_off=0), [440.0, 1320.0], 0.0),
        (BandPass(400.0, 100.0), [440.0], 0.0),
        (BandPass(0.0, 200.0, roll_off=0.2, edge="erf"), [50.0], 2.0),
        (Notch(50.0, 4.0), [440.0, 1320.0], 2.0),
        (Harmonics(440.0, 30.0, 3), [440.0, 1320.0], 0.0),
        (Harmonics(440.0, 30.0, 2), [440.0], 0.0),
        ([LowPass(800.0), HighPass(200.0)], [440.0], 0.0),
        ([LowPass(800.0, edge="erf"), Notch(50.0, 20.0, roll_off=1.0)], [440.0], 2.0),
    ],
)
def test_tones_of_a_chord_stay_or_go(chosen, kept, mean):
    made = filter_fourier(CHORD, chosen)
    np.testing.assert_allclose(made, mean + sum(tone(f) for f in kept), atol=1e-11)
    assert made.dtype == np.float64
    assert made.attrs["units"] == "V"
    xr.testing.assert_identical(made["time"], CHORD["time"])


def test_half_of_the_amplitude_is_left_at_the_ends_of_a_band():
    for edge in ("cosine", "erf"):
        for chosen in (LowPass(440.0, edge=edge), HighPass(440.0, edge=edge),
                       BandPass(500.0, 120.0, edge=edge), BandPass(400.0, 80.0, edge=edge),
                       Notch(500.0, 120.0, edge=edge)):  # fmt: skip
            made = filter_fourier(series(tone(440.0)), chosen)
            np.testing.assert_allclose(made, 0.5 * tone(440.0), atol=1e-11)


@pytest.mark.parametrize("edge", ["cosine", "erf"])
def test_an_edge_is_as_wide_as_its_roll_off(edge):
    response = filter_response(CHORD, LowPass(1000.0, roll_off=0.2, edge=edge))
    f = response["frequency"]
    assert response.attrs["units"] == "1"
    assert f.attrs["units"] == "Hz"
    assert (response.where(f < 899.0, drop=True) == 1).all()
    assert (response.where(f > 1101.0, drop=True) == 0).all()
    inside = response.where((f > 901.0) & (f < 1099.0), drop=True)
    assert (inside.diff("frequency") < 0).all()
    np.testing.assert_allclose(inside + inside[::-1].values, 1.0)


def test_the_response_is_what_the_spectrum_is_multiplied_by():
    chosen = [BandPass(500.0, 600.0, roll_off=0.5), NoiseFloor(1e-3)]
    rng = np.random.default_rng(0)
    data = CHORD + 0.1 * rng.standard_normal(1000)
    response = filter_response(data, chosen)
    before, after = (fourier(each, one_sided=True) for each in (data, filter_fourier(data, chosen)))
    np.testing.assert_allclose(after, before * response.values, atol=1e-13)


def test_complex_lines_are_filtered_on_both_sides_of_zero():
    turning = np.exp(-2j * np.pi * 440.0 * TIME) + 3j * np.exp(2j * np.pi * 1320.0 * TIME)
    made = filter_fourier(series(turning), LowPass(800.0))
    np.testing.assert_allclose(made, np.exp(-2j * np.pi * 440.0 * TIME), atol=1e-11)
    response = filter_response(series(turning), LowPass(800.0))
    assert response.sizes["frequency"] == 1000
    f = response["frequency"].values
    assert (np.diff(f) > 0).all()
    np.testing.assert_array_equal(response.values, np.interp(np.abs(f), *both(800.0)))


def both(cutoff):
    """Return frequencies of 10 Hz and a cosine edge of 5 % around a cut-off on them."""
    f = 10.0 * np.arange(501)
    part = np.clip((cutoff - f) / (0.05 * cutoff), -0.5, 0.5)
    return f, 0.5 * (1 + np.sin(np.pi * part))


@pytest.mark.parametrize(("units", "scale"), [("ms", 1e3), ("µs", 1e6)])
def test_frequencies_can_be_given_in_any_units(units, scale):
    data = convert_units(CHORD, units, dim="time")
    expected = filter_fourier(CHORD, LowPass(200.0))
    np.testing.assert_allclose(filter_fourier(data, LowPass(200.0), units="Hz"), expected)
    np.testing.assert_allclose(filter_fourier(data, LowPass(200.0 / scale)), expected)
    with pytest.raises(DataError, match="cannot be converted"):
        filter_fourier(data, LowPass(200.0), units="1/nm")


@pytest.mark.parametrize("size", [999, 1000])
def test_a_descending_or_odd_axis_is_filtered_the_same(size):
    data = CHORD[:size]
    made = filter_fourier(data, LowPass(600.0))
    np.testing.assert_allclose(filter_fourier(data[::-1], LowPass(600.0)), made[::-1], atol=1e-12)


def test_mirrored_ends_do_not_wrap_around():
    ramp = series(np.linspace(0.0, 1.0, 200), step=1.0)
    smooth = filter_fourier(ramp, LowPass(0.05), ends="mirrored")
    assert float(abs(smooth - ramp).max()) < 0.02
    assert float(abs(filter_fourier(ramp, LowPass(0.05)) - ramp).max()) > 0.3


def test_noise_is_set_to_zero_and_tones_are_not():
    rng = np.random.default_rng(1)
    clean = 0.3 * tone(440.0) + 0.2 * tone(1320.0)
    noisy = series(clean + 0.5 * rng.standard_normal((40, 1000)))
    made = filter_fourier(noisy, NoiseFloor(1e-4), "time")
    assert float(abs(made - clean).std()) < 0.05
    kept = filter_response(noisy, NoiseFloor(1e-4), "time")
    assert kept.dims == ("y", "frequency")
    assert kept.sel(frequency=[440, 1320], method="nearest").values.all()


@given(
    tolerance=st.sampled_from([0.2, 0.05, 1e-2, 1e-3]),
    scale=st.floats(1e-9, 1e9),
)
def test_of_white_noise_the_stated_part_is_let_through(tolerance, scale):
    noise = scale * np.random.default_rng(2).standard_normal((60, 1001))
    kept = filter_response(series(noise), NoiseFloor(tolerance), "time")[:, 1:]
    assert float(kept.mean()) == pytest.approx(tolerance, rel=0.2, abs=2e-4)


def test_the_floor_is_that_of_the_noise_beneath_strong_tones():
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((30, 1000))
    strong = noise + sum(1e4 * tone(f) for f in range(20, 1500, 40))
    floors = []
    for lines in (noise, strong):
        amplitudes = np.abs(np.fft.rfft(lines))[:, 1:-1]
        floors.append(NoiseFloor(1e-6).threshold(amplitudes))
    # The scale of the Rayleigh distribution is the root of half of the mean power, N / 2.
    expected = np.sqrt(1000 / 2 * -2 * np.log(1e-6))
    np.testing.assert_allclose(floors[0].mean(), expected, rtol=0.01)
    np.testing.assert_allclose(floors[1].mean(), expected, rtol=0.01)


def test_constant_lines_have_no_noise_and_stay():
    constant = series(np.stack([np.full(1000, 3.0), np.zeros(1000)]))
    made = filter_fourier(constant, [LowPass(100.0), NoiseFloor()], "time")
    np.testing.assert_allclose(made, constant, atol=1e-12)


def test_gaps_stay_gaps_and_other_lines_do_not_know_of_them():
    values = np.stack([CHORD.values] * 4)
    values[1, 300:340] = np.nan
    values[2, :5] = np.nan
    values[3] = np.nan
    made = filter_fourier(series(values), LowPass(200.0), "time")
    np.testing.assert_array_equal(np.isnan(made), np.isnan(values))
    np.testing.assert_allclose(made[0], filter_fourier(CHORD, LowPass(200.0)))
    clean = 2.0 + tone(50.0)
    assert float(abs(made[1] - clean).max()) < 1.0
    assert float(abs(made[1, 500:900] - clean[500:900]).max()) < 0.05
    assert np.isnan(values[1, 310])


@pytest.mark.parametrize("dtype", ["float32", ">f4", "uint16", "complex64"])
def test_single_precision_stays_single(dtype):
    values = (100 + 50 * tone(50.0)).astype(dtype)
    made = filter_fourier(series(values), LowPass(200.0))
    assert made.dtype == {"uint16": np.float64, "complex64": np.complex64}.get(dtype, np.float32)
    np.testing.assert_allclose(made, 100 + 50 * tone(50.0), atol=1.0)


def test_lazy_lines_are_filtered_in_chunks():
    data = series(np.random.default_rng(4).standard_normal((6, 1000)))
    lazy = filter_fourier(data.chunk(y=2, time=300), [LowPass(600.0), NoiseFloor(0.1)], "time")
    assert lazy.chunks == ((2, 2, 2), (1000,))
    expected = filter_fourier(data, [LowPass(600.0), NoiseFloor(0.1)], "time")
    xr.testing.assert_allclose(lazy.compute(), expected)


def test_filters_are_kept_in_histories_and_recipes():
    chain = [LowPass(200.0), Harmonics(440.0, 30.0, 2, edge="erf"), NoiseFloor(1e-3)]
    made = filter_fourier(CHORD, chain)
    assert decode(history(made)[-1].parameters["filters"]) == chain
    step = RecipeStep("signal.filter_fourier", {"filters": encode(chain), "units": "Hz"})
    (read,) = parse_recipe(format_recipe(Recipe((step,)))).steps
    assert decode(read.parameters["filters"]) == chain


@pytest.mark.parametrize(
    ("filters", "match"),
    [
        (LowPass(6000.0), r"holds no frequency of the data: those of 'time' are 0 to 5000 Hz"),
        (HighPass(6000.0), "holds no frequency"),
        (BandPass(445.0, 8.0), r"from 441 to 449\): those of 'time' .* in steps of 10"),
        (Notch(7000.0, 8.0), "holds no frequency"),
        (Harmonics(440.0, 30.0, 12), r"from 5265 to 5295"),
        ([], "there is no filter"),
        ("low", "filters must be of LowPass"),
        ([LowPass], "filters must be of LowPass"),
    ],
)
def test_says_which_filters_do_nothing(filters, match):
    with pytest.raises(DataError, match=match):
        filter_fourier(CHORD, filters)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: LowPass(0.0), "cutoff must be positive"),
        (lambda: HighPass(np.nan), "cutoff must be positive"),
        (lambda: BandPass(100.0, -1.0), "width must be positive"),
        (lambda: BandPass(-100.0, 1.0), "centre must not be negative"),
        (lambda: Harmonics(50.0, 1.0, 0), "count must be positive"),
        (lambda: LowPass(1.0, roll_off=1.5), "at most 1"),
        (lambda: LowPass(1.0, roll_off=-0.1), "roll_off must not be negative"),
        (lambda: LowPass(1.0, edge="steep"), "edge must be one of"),
        (lambda: NoiseFloor(0.0), "between 0 and 0.5"),
    ],
)
def test_says_which_settings_are_wrong(make, match):
    with pytest.raises(DataError, match=match):
        make()


def test_says_what_lines_it_needs():
    uneven = CHORD.assign_coords(time=coordinate("time", TIME**2, "s"))
    with pytest.raises(DataError, match="must be uniform"):
        filter_fourier(uneven, LowPass(100.0))
    with pytest.raises(DataError, match="name that of the spectra"):
        filter_fourier(samples.image_stack(), LowPass(100.0))
    with pytest.raises(DataError, match="as they were measured"):
        filter_fourier(CHORD, NoiseFloor(), ends="mirrored")
    with pytest.raises(DataError, match="ends must be one of"):
        filter_fourier(CHORD, LowPass(100.0), ends="zero")
    bare = CHORD.assign_coords(time=TIME)
    with pytest.raises(DataError, match="has no units"):
        filter_fourier(bare, LowPass(100.0), units="Hz")
