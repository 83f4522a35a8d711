"""What the synthetic measurements are made of."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import simulate
from omniscopy.model import DataError


def test_a_pixel_is_the_length_over_the_number_of_pixels():
    surface = simulate.surface((40, 50), extent=(80.0, 200.0))
    np.testing.assert_allclose(surface["y"], 2.0 * np.arange(40))
    np.testing.assert_allclose(surface["x"], 4.0 * np.arange(50))


def test_a_spectrum_peaks_where_the_truth_says_with_the_width_it_says():
    data = simulate.spectrum([(2.0, 0.2, 100.0)], background=0.0, noise=False, channels=1700)
    assert float(data["energy"][data.argmax("energy")]) == pytest.approx(2.0)
    assert float(data.max()) == pytest.approx(100.0)
    above = data["energy"][data.values >= 50.0 - 1e-9]
    assert float(above[-1] - above[0]) == pytest.approx(0.2, abs=2e-3)


def test_a_spectrum_image_without_noise_is_the_mixture_of_its_phases():
    fractions, spectra = simulate.phase_map((5, 6)), simulate.phase_spectra()
    data = simulate.spectrum_image((5, 6), noise=False)
    mixed = fractions.values[..., None] * spectra.values[0]
    mixed = mixed + (1 - fractions.values[..., None]) * spectra.values[1]
    np.testing.assert_allclose(data, mixed, rtol=1e-12)
    assert np.linalg.matrix_rank(data.values.reshape(30, -1), tol=1e-6) == 2


def test_counts_of_a_spectrum_image_follow_the_thickness():
    wedge = 0.5 + simulate.phase_map((5, 6))
    flat = simulate.spectrum_image((5, 6), noise=False)
    made = simulate.spectrum_image((5, 6), thickness=wedge, noise=False)
    np.testing.assert_allclose(made, wedge.values[..., None] * flat, rtol=1e-12)
    assert made.dims == ("y", "x", "energy_loss")
    assert made.attrs["units"] == "counts"


def test_the_first_phase_is_on_the_right_and_the_interface_bends_down_first():
    fractions = simulate.phase_map((40, 40))
    assert fractions[:, 0].max() < 0.05
    assert fractions[:, -1].min() > 0.95
    # sin > 0 in the upper half moves the interface to the right: less of the first phase.
    assert fractions[:20].mean() < fractions[20:].mean()


def test_the_counts_of_a_spectrum_image_are_poisson():
    mean = simulate.spectrum_image(noise=False)
    drawn = simulate.spectrum_image(rng=3)
    chi = (drawn - mean) / np.sqrt(mean)
    assert float(chi.var()) == pytest.approx(1.0, abs=0.02)
    assert float(chi.mean()) == pytest.approx(0.0, abs=0.01)


def test_the_background_of_core_losses_is_a_power_law():
    before = simulate.phase_spectra().sel(energy_loss=slice(None, 440.0))
    expected = 1000.0 * (before["energy_loss"] / 420.0) ** -3
    np.testing.assert_allclose(before.isel(component=0), expected, rtol=0.02)


def test_the_roughness_has_the_given_rms_and_correlation_length():
    surface = simulate.surface(
        (256, 256), extent=(2560.0, 2560.0), rms=0.4, correlation_length=60.0, step_height=0.0,
        noise=0.0,
    )  # fmt: skip
    assert float(surface.std()) == pytest.approx(0.4)
    spectrum = np.abs(np.fft.fft2(surface.values)) ** 2
    correlation = np.fft.ifft2(spectrum).real / surface.size / 0.4**2
    np.testing.assert_allclose(correlation[0, 6], np.exp(-1), atol=0.06)
    np.testing.assert_allclose(correlation[6, 0], np.exp(-1), atol=0.06)


@pytest.mark.parametrize(("angle", "dim"), [(0.0, "x"), (90.0, "y")])
def test_terraces_climb_along_the_step_angle(angle, dim):
    surface = simulate.surface(
        (64, 64), rms=0.0, noise=0.0, step_angle=angle, terrace_width=250.0, step_height=0.5
    )
    other = {"x": "y", "y": "x"}[dim]
    np.testing.assert_allclose(surface.std(other), 0.0, atol=1e-12)
    assert float(surface.isel({dim: -1, other: 0})) == pytest.approx(1.5)
    assert float(surface.isel({dim: 0, other: 0})) == 0.0


def test_atomic_columns_are_at_the_lattice_points():
    image = simulate.atom_image((100, 120), second=0.0, background=0.0, noise=False)
    points = simulate.lattice_points(extent=(4.0, 4.8))
    assert points.sizes["atom"] == 10 * 12
    heights = image.interp(y=points["y"], x=points["x"]).dropna("atom")
    assert float(heights.min()) > 0.85 * 200.0
    between = image.interp(y=points["y"] + 0.195, x=points["x"] + 0.195).dropna("atom")
    assert float(between.max()) < 0.01 * 200.0


def test_a_sheared_lattice_fills_the_image():
    points = simulate.lattice_points(extent=(3.0, 2.0), a=(0.4, 0.1), b=(-0.2, 0.3))
    area = abs(0.4 * 0.3 - 0.1 * -0.2)
    assert points.sizes["atom"] == pytest.approx(6.0 / area, rel=0.1)
    indices = np.stack([points["index_a"], points["index_b"]], axis=-1)
    expected = np.array([0.1, 0.15]) + indices @ np.array([[0.4, 0.1], [-0.2, 0.3]])
    np.testing.assert_allclose(np.stack([points["y"], points["x"]], axis=-1), expected)


def test_the_reciprocal_vectors_of_the_truth_are_those_of_the_lattice():
    truth = simulate.atom_image(a=(0.4, 0.1), b=(-0.2, 0.3)).attrs["metadata"]["truth"]
    g = np.array([truth["g_a"], truth["g_b"]])
    np.testing.assert_allclose(g @ np.array([truth["a"], truth["b"]]).T, np.eye(2), atol=1e-12)


def test_a_later_frame_is_the_first_one_moved_by_the_shift_of_the_truth():
    stack = simulate.image_stack(3, drift=(1.0, -2.0), jitter=0.0, sampling=0.5, noise=False)
    truth = stack.attrs["metadata"]["truth"]
    assert truth["shift_y"] == [0.0, 1.0, 2.0]
    assert truth["shift_x"] == [0.0, -2.0, -4.0]
    np.testing.assert_allclose(stack[1, 2:, :-4], stack[0, :-2, 4:], rtol=1e-9)


def test_the_pattern_moves_with_the_deflection_and_shrinks_with_the_strain():
    data = simulate.diffraction_4d(
        (3, 3), (96, 96), pixel=0.15, strain=0.01, deflection=(0.1, 0.05), noise=False
    )
    total = data.sum(["ky", "kx"])
    com_y = (data * data["ky"]).sum(["ky", "kx"]) / total
    com_x = (data * data["kx"]).sum(["ky", "kx"]) / total
    offset = np.array([-2.0, 0.0, 2.0])
    np.testing.assert_allclose(com_y, (0.25 + 0.1 * offset)[:, None] * np.ones(3), atol=1e-3)
    np.testing.assert_allclose(com_x, np.ones(3)[:, None] * (-0.4 + 0.05 * offset), atol=1e-3)
    right = data.isel(y=1).sel(kx=slice(2.2, 6.5), ky=slice(-1.5, 2.0))
    disc = (right * right["kx"]).sum(["ky", "kx"]) / right.sum(["ky", "kx"])
    expected = -0.4 + 0.05 * offset + 4.6 / (1 + 0.01 * offset)
    np.testing.assert_allclose(disc, expected, atol=5e-3)


def test_a_pattern_is_centred_on_the_pixel_of_zero():
    data = simulate.diffraction_4d((2, 2), (48, 51))
    assert float(data["ky"][24]) == 0.0
    assert float(data["kx"][25]) == 0.0
    assert data.dtype == np.uint16


def test_a_band_excitation_spectrum_peaks_at_the_resonance_with_its_phase():
    maps = simulate.oscillator_maps((3, 4))
    data = simulate.band_excitation((3, 4), noise=0.0, points=4001)
    peak = data["frequency"][abs(data).argmax("frequency")]
    np.testing.assert_allclose(peak, maps["resonance_frequency"], atol=30.0)
    height = abs(data).max("frequency")
    np.testing.assert_allclose(height, maps["amplitude"] * maps["quality_factor"], rtol=1e-3)
    at_resonance = data.sel(frequency=maps["resonance_frequency"], method="nearest")
    angle = np.angle(at_resonance / (1j * np.exp(1j * maps["phase"])))
    np.testing.assert_allclose(angle, 0.0, atol=0.01)


def test_maps_of_any_dimensions_make_spectra():
    maps = simulate.oscillator_maps((3, 4)).expand_dims(cycle=[0, 1])
    data = simulate.band_excitation(maps=maps, points=7)
    assert data.dims == ("cycle", "y", "x", "frequency")


def test_a_point_cloud_is_the_potential_at_its_points():
    data = simulate.point_cloud(noise=0.0, radius=30.0)
    expected = np.cos(2 * np.pi * data["x"] / 30.0) + data["y"] / 60.0
    xr.testing.assert_allclose(data.drop_attrs(), expected.drop_attrs())
    assert float(np.hypot(data["x"], data["y"]).max()) == pytest.approx(30.0, rel=0.01)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: simulate.surface((0, 5)), "'y' needs at least 1 point, got 0"),
        (lambda: simulate.atom_image(sampling=-1.0), "step must be positive"),
        (lambda: simulate.lattice_points(a=(1.0, 0.0), b=(2.0, 0.0)), "area must be positive"),
        (lambda: simulate.spectrum([(2.0, 0.0, 1.0)]), "width must be positive, got 0.0"),
        (lambda: simulate.spectrum(start=3.0, stop=2.0), "width must be positive"),
        (lambda: simulate.band_excitation(maps=xr.Dataset()), "maps must hold"),
        (lambda: simulate.band_excitation(centre=10.0, band=40.0), "lowest must be positive"),
    ],
)
def test_what_cannot_be_is_refused(make, match):
    with pytest.raises(DataError, match=match):
        make()
