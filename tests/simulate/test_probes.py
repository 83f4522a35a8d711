"""Probes, contrast transfer, images of partial coherence, Thon rings and Ronchigrams."""

import numpy as np
import pytest
import xarray as xr

from omniscopy import simulate
from omniscopy.model import DataError, Status
from omniscopy.physics import aberrations, electron

VOLTAGE = 200e3
WAVELENGTH = float(electron.wavelength(VOLTAGE))


def width_of(profile, x):
    """Return the full width at half maximum of a peak."""
    high = x[profile >= 0.5 * profile.max()]
    return high.max() - high.min()


def test_a_probe_without_aberrations_is_the_disc_of_airy():
    made = simulate.probe(voltage=VOLTAGE, convergence_angle=20.0, size=40.0, sampling=0.05)
    area = 0.05**2
    assert float(made.intensity.sum()) * area == pytest.approx(1.0, rel=1e-9)
    assert float((np.abs(made.wave) ** 2).sum()) * area == pytest.approx(1.0, rel=1e-9)
    from scipy.special import j1

    row = made.intensity.sel(y=20.0, method="nearest")
    v = 2 * np.pi * 0.020 / WAVELENGTH * (row.x.values - 20.0)
    v[np.abs(v) < 1e-9] = 1e-9
    airy = np.pi * (0.020 / WAVELENGTH) ** 2 * (2 * j1(v) / v) ** 2
    near = np.abs(row.x.values - 20.0) < 3.0
    np.testing.assert_allclose(row.values[near], airy[near], atol=0.02 * airy.max())
    # The first zero is at 0.61 wavelengths over the angle.
    zero = row.sel(x=20.0 + 0.61 * WAVELENGTH / 0.020, method="nearest")
    assert float(zero) < 0.002 * float(row.max())


def test_a_probe_is_where_it_is_put_and_coma_moves_it_along_its_azimuth():
    options = {"voltage": VOLTAGE, "convergence_angle": 20.0, "size": (12.0, 16.0), "sampling": 0.1}
    made = simulate.probe(position=(3.0, 11.0), **options).intensity
    place = made.argmax(...)
    assert float(made.y[place["y"]]) == pytest.approx(3.0, abs=1e-9)
    assert float(made.x[place["x"]]) == pytest.approx(11.0, abs=1e-9)
    coma = simulate.probe(aberrations={"C21": 4000.0, "phi21": 90.0}, **options).intensity
    away = float((coma * (coma.y - 6.0)).sum() / coma.sum())
    # Rays miss the focus by the gradient of W.
    angle = np.linspace(-0.02, 0.02, 401)
    y, x = np.meshgrid(angle, angle, indexing="ij")
    inside = np.hypot(y, x) <= 0.02
    terms = aberrations.terms_of({"C21": 4000.0, "phi21": 90.0})
    expected = aberrations.gradient(y[inside], x[inside], terms)[0].mean()
    assert away == pytest.approx(expected, rel=0.1)
    assert abs(float((coma * (coma.x - 8.0)).sum() / coma.sum())) < 1e-3


def test_every_order_of_aberrations_is_that_of_chi():
    coefficients = {"C12": 20.0, "phi12": 30.0, "C34": 4e3, "phi34": 10.0, "C56": 3e6, "phi56": 5.0}
    made = simulate.probe(
        voltage=VOLTAGE, convergence_angle=25.0, size=20.0, sampling=0.1, position=(1e-12, 0.0),
        aberrations=coefficients, soft=False,
    )  # fmt: skip
    spectrum = np.fft.fft2(made.wave.values)
    k = np.fft.fftfreq(200, 0.1)
    for row, column in ((3, 5), (-7, 2), (0, -9)):
        y, x = WAVELENGTH * k[row], WAVELENGTH * k[column]
        chi = aberrations.chi(np.hypot(y, x), np.arctan2(y, x), coefficients, voltage=VOLTAGE)
        turn = spectrum[row, column] / spectrum[0, 0]
        assert np.angle(turn * np.exp(1j * chi)) == pytest.approx(0.0, abs=1e-9)


def test_source_and_energies_blur_the_intensity_and_keep_its_sum():
    options = {"voltage": 60e3, "convergence_angle": 35.0, "size": 24.0, "sampling": 0.1}
    sharp = simulate.probe(**options).intensity
    source = simulate.probe(source_size=3.0, **options).intensity
    energies = simulate.probe(chromatic=1.3e7, energy_spread=0.4, **options).intensity
    cold = simulate.probe(chromatic=1.3e7, energy_spread="cold_field_emission", **options).intensity
    for each in (source, energies, cold):
        np.testing.assert_allclose(each.sum(), sharp.sum(), rtol=1e-6)
        assert float(each.max()) < 0.95 * float(sharp.max())
    row = source.sel(y=12.0, method="nearest")
    x = sharp.x.values
    spread = np.hypot(3.0, width_of(sharp.sel(y=12.0, method="nearest").values, x))
    assert width_of(row.values, x) == pytest.approx(spread, rel=0.06)


# contrast transfer


def test_the_transfer_of_scherzer_has_its_first_zero_where_it_belongs():
    cs = 1.2e7
    defocus = float(np.sqrt(1.5 * cs * WAVELENGTH))
    made = simulate.contrast_transfer(
        voltage=VOLTAGE, aberrations={"Cs": cs, "defocus": defocus}, limit=0.6, points=6001
    )
    transfer, k = made.transfer.values, made.k.values
    # pi lambda (Cs lambda^2 k^4 / 2 - df k^2) = 0 at k^2 = 2 df / (Cs lambda^2), the second zero.
    zero = np.sqrt(2.0 * defocus / (cs * WAVELENGTH**2))
    change = k[1:][np.diff(np.sign(transfer)) != 0]
    assert np.abs(change - zero).min() < 2e-3
    # In the band of an underfocused lens atoms, whose phases are above 0, are dark.
    assert float(made.transfer.sel(k=0.35, method="nearest")) < -0.7


def test_an_image_of_a_weak_phase_is_what_the_transfer_says():
    size, count = 40.0, 64
    x = size / count * np.arange(count)
    order = 5
    phase = 0.01 * np.cos(2 * np.pi * order * x / size) * np.ones((count, 1))
    axis = {"units": "Å"}
    wave = xr.DataArray(
        np.exp(1j * phase),
        {"y": ("y", x, axis), "x": ("x", x, axis)},
        ("y", "x"),
        attrs={"units": "1"},
    )
    optics = {
        "voltage": VOLTAGE, "aberrations": {"Cs": 1e7, "defocus": 700.0}, "focal_spread": 40.0,
        "convergence": 0.3,
    }  # fmt: skip
    image = simulate.tem_image(wave, **optics)
    transfer = simulate.contrast_transfer(limit=order / size, points=2, **optics).transfer[1]
    expected = 1.0 + 2.0 * 0.01 * float(transfer) * np.cos(2 * np.pi * order * x / size)
    np.testing.assert_allclose(image[0], expected, atol=2e-4)
    summed = simulate.tem_image(wave, method="sum", **optics)
    np.testing.assert_allclose(summed[0], expected, atol=4e-4)
    plane = simulate.contrast_transfer(dimensions=2, limit=order / size, points=3, **optics)
    np.testing.assert_allclose(plane.transfer[1, 2], transfer, rtol=1e-9)


def test_envelopes_damp_and_amplitude_contrast_is_there_at_k_of_0():
    made = simulate.contrast_transfer(
        voltage=VOLTAGE, aberrations={"defocus": 500.0}, focal_spread=50.0, amplitude_contrast=0.1,
        aperture=15.0, limit=1.0, points=101,
    )  # fmt: skip
    assert float(made.transfer[0]) == pytest.approx(-0.1)
    k = made.k.values
    expected = np.exp(-0.5 * (np.pi * WAVELENGTH * 50.0) ** 2 * k**4)
    np.testing.assert_allclose(made.temporal_envelope, expected)
    assert float(made.aperture.sel(k=0.59, method="nearest")) == 1.0
    assert float(made.aperture.sel(k=0.61, method="nearest")) == 0.0


# Thon rings


def film(defocus, astigmatism, angle, *, seed=0, shape=(256, 240)):
    wave = simulate.amorphous_film(shape, sampling=1.0, rng=seed)
    lens = {
        "Cs": 1e7, "defocus": defocus, "astigmatism": astigmatism, "astigmatism_angle": angle,
    }  # fmt: skip
    return simulate.tem_image(wave, voltage=VOLTAGE, aberrations=lens, focal_spread=60.0)


FIT = {
    "voltage": VOLTAGE,
    "aberrations": {"Cs": 1e7},
    "window": (0.04, 0.3),
    "defocus_range": (1000.0, 15000.0),
}


@pytest.mark.parametrize(
    ("defocus", "size", "angle"),
    [(5000.0, 300.0, 30.0), (8000.0, 600.0, -70.0), (3000.0, 150.0, 80.0)],
)
def test_defocus_and_astigmatism_of_rings_are_found(defocus, size, angle):
    found = simulate.fit_thon_rings(film(defocus, size, angle), **FIT)
    assert int(found.status) == Status.CONVERGED
    for name, true in (("defocus", defocus), ("astigmatism", size)):
        assert abs(float(found[name]) - true) < 5.0 * float(found[f"{name}_std"]) < 100.0
    turn = (float(found.astigmatism_angle) - angle + 90.0) % 180.0 - 90.0
    assert abs(turn) < 5.0 * float(found.astigmatism_angle_std)


def test_the_scatter_of_the_defocus_is_its_std():
    images = xr.concat(
        [film(5000.0, 400.0, 20.0, seed=seed, shape=(128, 128)) for seed in range(24)], "frame"
    )
    found = simulate.fit_thon_rings(images, **FIT)
    assert (found.status == Status.CONVERGED).all()
    for name in ("defocus", "astigmatism", "astigmatism_angle"):
        scatter, said = float(found[name].std(ddof=1)), float(found[f"{name}_std"].mean())
        assert 0.7 < scatter / said < 1.4, name  # 24 copies: 4.5 standard deviations
    assert abs(float(found.defocus.mean()) - 5000.0) < 0.8 * float(found.defocus_std.mean())


def test_an_image_without_numbers_is_nan_and_alone():
    image = film(5000.0, 300.0, 30.0, shape=(96, 96))
    spoiled = image.copy()
    spoiled[3, 4] = np.nan
    found = simulate.fit_thon_rings(xr.concat([image, spoiled, 0.0 * image], "frame"), **FIT)
    np.testing.assert_array_equal(np.isnan(found.defocus), [False, True, True])
    np.testing.assert_array_equal(found.status[1:], Status.NO_DATA)


# Ronchigrams


def test_a_ronchigram_without_film_is_the_aperture_and_with_it_of_its_seed():
    options = {
        "voltage": VOLTAGE,
        "aberrations": {"defocus": 300.0},
        "aperture": 40.0,
        "pixels": 96,
    }
    empty = simulate.ronchigram(strength=0.0, **options)
    np.testing.assert_allclose(empty.intensity, empty.aperture, atol=1e-9)
    first, again, other = (simulate.ronchigram(rng=seed, **options) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.intensity, again.intensity)
    assert not np.allclose(first.intensity, other.intensity)
    np.testing.assert_allclose(first.intensity.sum(), empty.intensity.sum(), rtol=1e-9)


def test_the_magnification_is_that_of_the_shadow():
    made = simulate.ronchigram(
        voltage=VOLTAGE, aberrations={"C10": -500.0, "C30": 1e7}, aperture=20.0, pixels=64
    )
    middle = made.magnification.sel(ky=0.0, kx=0.0, method="nearest")
    assert float(middle) == pytest.approx(1e3 / 500.0, rel=1e-3)
    # Radially C10 + 3 C30 t^2 = 0, tangentially C10 + C30 t^2 = 0.
    row = made.magnification.sel(ky=0.0, method="nearest")
    for ring in (np.sqrt(500.0 / 3e7), np.sqrt(500.0 / 1e7)):
        near = row.where(np.abs(row.kx - 1e3 * ring) < 1.0)
        assert float(near.max()) > 8.0 * float(middle)


def test_wrong_lenses_are_refused():
    with pytest.raises(DataError, match="for 200 kV write 200000"):
        simulate.contrast_transfer(voltage=200)
    with pytest.raises(DataError, match="unknown aberrations"):
        simulate.probe(voltage=VOLTAGE, convergence_angle=20.0, aberrations={"C13": 1.0})
    with pytest.raises(DataError, match="the aperture reaches"):
        simulate.probe(voltage=VOLTAGE, convergence_angle=60.0, sampling=0.5)
    with pytest.raises(DataError, match="source_size"):
        simulate.probe(voltage=VOLTAGE, convergence_angle=20.0, source_size=-1.0)
    with pytest.raises(DataError, match="energy_spread"):
        simulate.probe(voltage=VOLTAGE, convergence_angle=20.0, energy_spread="hot")
    with pytest.raises(DataError, match="dimensions of 1 or 2"):
        simulate.contrast_transfer(voltage=VOLTAGE, dimensions=3)
    with pytest.raises(DataError, match="complex"):
        simulate.tem_image(abs(simulate.amorphous_film((32, 32))), voltage=VOLTAGE)
    with pytest.raises(DataError, match="at least 8 pixels"):
        simulate.ronchigram(voltage=VOLTAGE, pixels=4)
    image = film(5000.0, 300.0, 30.0, shape=(64, 64))
    with pytest.raises(DataError, match="window must be"):
        simulate.fit_thon_rings(image, voltage=VOLTAGE, window=(0.3, 0.1))
    with pytest.raises(DataError, match="at least 32 pixels"):
        simulate.fit_thon_rings(image[:10], voltage=VOLTAGE)
    with pytest.raises(DataError, match="must be in 'Å'"):
        simulate.fit_thon_rings(
            image.assign_coords(x=image.x.assign_attrs(units="s")), voltage=VOLTAGE
        )
