"""Biases and bursts are what their numbers say."""

import numpy as np
import pytest

from omniscopy.model import DataError
from omniscopy.spm import band_excitation_waveform, forc_waveform, triangle_waveform


def test_a_triangle_rises_first_and_takes_every_quarter_in_as_many_steps():
    made = triangle_waveform(16, 8.0)
    expected = [0, 2, 4, 6, 8, 6, 4, 2, 0, -2, -4, -6, -8, -6, -4, -2]
    np.testing.assert_allclose(made, expected)
    assert made.attrs["units"] == "V"


def test_offset_cycles_fraction_and_phase():
    np.testing.assert_allclose(triangle_waveform(16, 8.0, offset=1.0)[4], 9.0)
    twice = triangle_waveform(16, 8.0, cycles=2)
    np.testing.assert_allclose(twice[16:], twice[:16].values)
    half = triangle_waveform(8, 8.0, fraction=0.5)
    np.testing.assert_allclose(half, [0, 2, 4, 6, 8, 6, 4, 2])
    later = triangle_waveform(16, 8.0, phase=0.25)
    np.testing.assert_allclose(later[:5], [8, 6, 4, 2, 0])


def test_reversal_curves_grow_from_the_first_extremes_to_the_last():
    made = forc_waveform(32, (1.0, 10.0), (-1.0, -4.0), 4)
    assert made.dims == ("forc", "sample")
    np.testing.assert_allclose(made.max("sample"), [1.0, 4.0, 7.0, 10.0])
    np.testing.assert_allclose(made.min("sample"), [-1.0, -2.0, -3.0, -4.0])


@pytest.mark.parametrize("kind", ["chirp", "sinc"])
def test_a_burst_has_its_band_and_nothing_else(kind):
    made = band_excitation_waveform(340e3, 60e3, points=4096, rate=4e6, kind=kind, amplitude=2.0)
    values = made["excitation"].values
    assert np.max(np.abs(values)) == pytest.approx(2.0)
    spectrum = np.abs(np.fft.rfft(values)) / 4096
    frequency = np.arange(2049) * 4e6 / 4096
    inside = (frequency >= 310e3) & (frequency <= 370e3)
    np.testing.assert_allclose(spectrum[~inside], 0.0, atol=1e-12)
    np.testing.assert_allclose(spectrum[inside] / spectrum[inside].max(), 1.0)
    np.testing.assert_allclose(made["frequency"], frequency[inside])
    np.testing.assert_allclose(np.abs(made["spectrum"]), spectrum[inside])
    np.testing.assert_array_equal(made["bin"], np.flatnonzero(inside))


def test_a_chirp_goes_from_the_lowest_frequency_to_the_highest():
    made = band_excitation_waveform(340e3, 100e3, points=16384, rate=4e6)["excitation"].values
    for part, expected in ((slice(1600, 3200), 300e3), (slice(13000, 14600), 380e3)):
        spectrum = np.abs(np.fft.rfft(made[part] * np.hanning(1600)))
        assert spectrum.argmax() * 4e6 / 1600 == pytest.approx(expected, abs=6e3)


def test_a_sinc_is_short_and_a_chirp_is_long():
    lengths = {}
    for kind in ("chirp", "sinc"):
        power = band_excitation_waveform(340e3, 60e3, points=4096, kind=kind)["excitation"] ** 2
        lengths[kind] = float((power > 0.1 * power.max()).mean())
    assert lengths["sinc"] < 0.03
    assert lengths["chirp"] > 0.5


def test_smooth_edges_trim_and_repeats():
    smooth = band_excitation_waveform(340e3, 60e3, points=4096, smoothing=10e3, repeats=3)
    shape = np.abs(smooth["spectrum"]) / np.abs(smooth["spectrum"]).max()
    assert float(shape[0]) < 0.05
    assert float(shape[len(shape) // 2]) == pytest.approx(1.0)
    assert smooth.sizes["time"] == 3 * 4096
    trimmed = band_excitation_waveform(340e3, 60e3, points=4096, trim=0.1)
    assert float(trimmed["frequency"].min()) >= 316e3


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: triangle_waveform(0, 1.0), "steps must be at least 1"),
        (lambda: triangle_waveform(8, 1.0, fraction=0.0), "fraction must be"),
        (lambda: forc_waveform(8, (1.0, 2.0), (2.0, -1.0), 2), "high must be above low"),
        (lambda: forc_waveform(2, (1.0, 2.0), (-1.0, -2.0), 2), "steps must be at least 3"),
        (lambda: band_excitation_waveform(340e3, 60e3, rate=5e5), "half the rate"),
        (lambda: band_excitation_waveform(340e3, 1e3, points=64), "bins of"),
        (lambda: band_excitation_waveform(340e3, 60e3, kind="noise"), "kind must be"),
        (lambda: band_excitation_waveform(340e3, 60e3, trim=0.5), "trim between"),
    ],
)
def test_what_cannot_be_applied_is_refused_in_words(call, words):
    with pytest.raises(DataError, match=words):
        call()
