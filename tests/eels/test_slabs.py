"""Losses to slabs, against textbook limits and against fields that are solved for one by one."""

import dask
import numpy as np
import pytest
import xarray as xr

from omniscopy import eels, samples
from omniscopy.model import DataError, coordinate
from omniscopy.physics.electron import effective_energy, velocity_ratio
from omniscopy.physics.energy_loss import geometry, kramers_kronig, plasmons
from omniscopy.physics.energy_loss.slabs import slab_losses

BEAM = {"voltage": 200e3}


def labelled(energy, values):
    """Return a permittivity on an axis in eV."""
    along = {"energy_loss": coordinate("energy_loss", energy, "eV")}
    parts = {"permittivity_real": values.real, "permittivity_imaginary": values.imag}
    return xr.Dataset({
        name: xr.DataArray(part, along, ("energy_loss",), attrs={"units": "1"})
        for name, part in parts.items()
    })  # fmt: skip


def metals():
    """Return two permittivities along x, on an axis that begins below 0 eV."""
    metal = eels.simulate_permittivity([(225.0, 0.0, 1.0)], start=0.4, dispersion=0.4, channels=60)
    other = metal.assign(permittivity_real=metal["permittivity_real"] - 1.0)
    both = xr.concat([metal, other], xr.DataArray([0.0, 1.0], dims="x", name="x"))
    return both.pad(energy_loss=(2, 0)).assign_coords(
        energy_loss=coordinate("energy_loss", 0.4 * np.arange(-1, 61), "eV")
    )


def test_thick_slabs_lose_what_the_medium_loses():
    energy, angle = np.array([[3.0], [8.0], [15.0], [21.0]]), np.array([1e-4, 1e-3, 5e-3])
    epsilon = plasmons.drude_permittivity(energy, 15.0, 2.0)
    total, bulk = slab_losses(epsilon, energy, angle, thickness=1e6, **BEAM)
    np.testing.assert_allclose(total, bulk, rtol=2e-3, atol=1e-4 * bulk.max())
    still, medium = slab_losses(epsilon, energy, angle, thickness=50.0, retarded=False, **BEAM)
    # Egerton, equation 3.32: the dipole formula, for 50 nm.
    edge = geometry.characteristic_angle(energy, 200e3)
    loss = plasmons.loss_function(epsilon)
    textbook = 50.0 * loss / (angle**2 + edge**2)
    textbook = textbook / (2 * np.pi**2 * geometry.BOHR_RADIUS * effective_energy(200e3))
    np.testing.assert_allclose(medium, textbook, rtol=1e-12)
    assert not np.allclose(still, medium, rtol=0.05)


def test_surface_plasmons_of_a_thin_metal_split_as_fuchs_and_kliewer_found():
    energy = np.arange(3.0, 16.0, 0.002)
    epsilon = plasmons.drude_permittivity(energy, 15.0, 0.02)
    thickness = 4.0
    for angle in (2e-4, 5e-4, 1e-3):
        found, _ = slab_losses(
            epsilon, energy, np.array(angle), thickness=thickness, retarded=False, **BEAM
        )
        fall = np.exp(-geometry.momentum_scale(200e3) * angle * thickness)
        inner = (found[1:-1] > found[:-2]) & (found[1:-1] > found[2:])
        peaks = energy[1:-1][inner]
        for place in (15.0 * np.sqrt((1 - fall) / 2), 15.0 * np.sqrt((1 + fall) / 2), 15.0):
            assert np.abs(peaks - place).min() < 0.01


def test_light_pulls_the_lower_surface_plasmon_below_its_light_line():
    # With retardation the mode of small angles is slower than light: it lies at lower energy.
    energy = np.arange(0.5, 12.0, 0.002)
    epsilon = plasmons.drude_permittivity(energy, 15.0, 0.02)
    both = [
        slab_losses(epsilon, energy, np.array(2e-5), thickness=20.0, retarded=retarded, **BEAM)[0]
        for retarded in (False, True)
    ]
    still, moving = (energy[np.argmax(each)] for each in both)
    wave = geometry.momentum_scale(200e3) * 2e-5
    assert moving < still
    assert moving < wave * 197.327


def test_both_surfaces_of_thick_slabs_have_the_losses_of_the_textbook():
    energy = np.arange(2.0, 20.0, 0.5)
    epsilon = plasmons.drude_permittivity(energy, 15.0, 2.0)
    data = labelled(energy, epsilon)
    found = eels.simulate_slab(
        data, thickness=3e4, collection_mrad=10.0, retarded=False, **BEAM
    )["surface"]  # fmt: skip
    grid = np.concatenate([[0.0], energy])
    expected = kramers_kronig.surface_losses(
        np.concatenate([[1.0], epsilon]), plasmons.loss_function(np.concatenate([[1.0], epsilon])),
        grid, voltage=200e3, collection=0.01, intensity=np.array(1.0),
    )[1:]  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=0.02 * float(found.max()))


@pytest.mark.parametrize(("voltage", "radiates"), [(60e3, False), (80e3, True), (200e3, True)])
def test_electrons_that_are_faster_than_light_in_the_slab_radiate(voltage, radiates):
    # ε β² reaches 1 for ε = 4.5 at 67 kV; a transparent medium takes nothing else.
    assert (4.5 * velocity_ratio(voltage) ** 2 > 1) == radiates
    energy = np.arange(1.0, 5.0, 0.25)
    data = labelled(energy, np.full(len(energy), 4.5 + 1e-4j))
    found = eels.simulate_slab(data, thickness=1000.0, voltage=voltage, collection_mrad=2.0)
    # Frank and Tamm: photons α t (1 - 1 / β² ε) / ħc for each eV.
    speed = velocity_ratio(voltage) ** 2
    expected = max(1000.0 / 137.036 / 197.327 * (1 - 1 / (speed * 4.5)), 0.0)
    assert float(found["bulk"].mean()) == pytest.approx(expected, rel=0.01, abs=1e-5)


def solved(epsilon, energy, angle, thickness, voltage):
    """Return what is radiated, from the four waves that a slab sends out."""
    speed = velocity_ratio(voltage)
    edge = float(geometry.characteristic_angle(energy, voltage))
    path = geometry.momentum_scale(voltage) * thickness
    inner = np.sqrt(angle**2 - epsilon * (edge * speed) ** 2 - 0j)
    inner = -inner if inner.imag > 0 else inner
    outer = -1j * np.sqrt((edge * speed) ** 2 - angle**2)

    def own(medium):
        square = angle**2 + edge**2 - medium * (edge * speed) ** 2
        return edge * (1 - medium * speed**2) / (medium * square), angle / (medium * square)

    (c0, p0), (c1, p1) = own(1.0), own(epsilon)
    far, fall = np.exp(1j * edge * path), np.exp(inner * path)
    # Waves: outwards before, rising and falling inside (from z = 0), outwards beyond.
    slope = 1j / angle
    matrix = np.array([
        [slope * outer, -slope * inner, slope * inner, 0],
        [1, -epsilon, -epsilon, 0],
        [0, slope * inner * fall, -slope * inner / fall, slope * outer],
        [0, epsilon * fall, epsilon / fall, -1],
    ])  # fmt: skip
    right = np.array([p1 - p0, epsilon * c1 - c0, (p0 - p1) * far, (c0 - epsilon * c1) * far])
    before, _, _, beyond = np.linalg.solve(matrix, right)
    leaving = np.sqrt((edge * speed) ** 2 - angle**2)
    flux = edge * leaving / angle**2 * (abs(before) ** 2 + abs(beyond) ** 2)
    scale = 2.0 * np.pi**2 * geometry.BOHR_RADIUS * effective_energy(voltage)
    return flux / (scale * geometry.momentum_scale(voltage) * edge)


@pytest.mark.parametrize("thickness", [5.0, 60.0, 300.0])
@pytest.mark.parametrize("epsilon", [2.0, 9.0, -3.0])
def test_what_a_slab_without_losses_takes_is_what_it_radiates(epsilon, thickness):
    for energy, part in ((1.0, 0.3), (3.0, 0.7), (6.0, 0.95)):
        edge = float(geometry.characteristic_angle(energy, 100e3))
        angle = part * edge * float(velocity_ratio(100e3))
        found, _ = slab_losses(
            np.array(epsilon + 1e-12j), np.array(energy), np.array(angle), thickness=thickness,
            voltage=100e3,
        )  # fmt: skip
        expected = solved(epsilon, energy, angle, thickness, 100e3)
        assert float(found) == pytest.approx(float(expected), rel=1e-5)


def test_no_slab_gives_energy_away():
    rng = np.random.default_rng(0)
    epsilon = rng.uniform(-20, 20, 4000) + 1j * 10.0 ** rng.uniform(-4, 1.5, 4000)
    energy, angle = 10.0 ** rng.uniform(-0.5, 2, 4000), 10.0 ** rng.uniform(-6.5, -2, 4000)
    for retarded in (True, False):
        found, _ = slab_losses(
            epsilon, energy, angle, thickness=10.0 ** rng.uniform(0, 3, 4000), voltage=200e3,
            retarded=retarded,
        )  # fmt: skip
        assert (found > 0).all()


def test_slabs_come_as_maps_and_by_angle_lazy_and_in_memory():
    metal = metals()
    given = {"voltage": 100e3, "collection_mrad": 2.0, "angles": [0.05, 0.2, 1.0]}
    found = eels.simulate_slab(metal, thickness=50.0, **given)
    assert found["probability"].dims == ("x", "energy_loss")
    assert found["angular_probability"].dims == ("x", "energy_loss", "angle")
    assert found["angular_probability"].attrs["units"] == "1/(eV*sr)"
    above = metal["energy_loss"] > 0
    assert (found["probability"].notnull() == above).all()
    one, _ = slab_losses(
        complex(*(float(metal[f"permittivity_{part}"][1, 40]) for part in ("real", "imaginary"))),
        float(metal["energy_loss"][40]),
        2e-4,
        thickness=50.0,
        voltage=100e3,
    )
    assert float(found["angular_probability"][1, 40, 1]) == pytest.approx(float(one))
    with dask.config.set(scheduler="synchronous"):
        lazy = eels.simulate_slab(metal.chunk(x=1), thickness=50.0, **given)
        xr.testing.assert_allclose(lazy.compute(), found)


def test_the_integral_over_angles_is_that_of_many():
    metal = metals().isel(x=1)
    angles = np.geomspace(1e-4, 4.0, 40001)
    found = eels.simulate_slab(
        metal, thickness=25.0, voltage=200e3, collection_mrad=4.0, angles=angles
    )  # fmt: skip
    theta = 1e-3 * angles
    every = np.trapezoid(
        found["angular_probability"].values * 2 * np.pi * theta**2, np.log(theta), axis=-1
    )
    whole = found["probability"].values
    good = np.isfinite(whole)
    np.testing.assert_allclose(whole[good], every[good], rtol=5e-3, atol=1e-6 * whole[good].max())


def test_permittivities_that_give_energy_are_missing_and_alone():
    metal = metals().isel(x=0).copy(deep=True)
    metal["permittivity_real"][30] = np.nan
    metal["permittivity_imaginary"][31] = -1.0
    found = eels.simulate_slab(metal, thickness=25.0, voltage=200e3, collection_mrad=4.0)
    above = (metal["energy_loss"] > 0).values
    above[30:32] = False
    np.testing.assert_array_equal(np.isfinite(found["probability"]), above)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thickness": -1.0}, "thickness must be above 0 nm"),
        ({"outside": 0.0}, "outside must be a permittivity"),
        ({"angles": [0.0]}, "angles must be numbers above 0 in mrad"),
        ({"voltage": 200.0}, "for 200 kV write 200000"),
        ({"collection_mrad": None}, "the collection angle is not known"),
    ],
)
def test_bad_calls_are_refused(change, message):
    given = {"thickness": 20.0, "voltage": 200e3, "collection_mrad": 5.0, **change}
    with pytest.raises(DataError, match=message):
        eels.simulate_slab(samples.permittivity(), **given)
    with pytest.raises(DataError, match="must be a Dataset with permittivity_real and"):
        eels.simulate_slab(samples.permittivity()[["loss_function"]], **given)


def test_the_permittivity_of_oscillators_is_that_of_the_formula():
    found = eels.simulate_permittivity([(225.0, 0.0, 1.0), (30.0, 6.0, 2.0)], background=1.5)
    energy = found["energy_loss"].values
    expected = 1.5 - 225.0 / (energy**2 + 1j * energy) + 30.0 / (36 - energy**2 - 2j * energy)
    np.testing.assert_allclose(found["permittivity_real"], expected.real)
    np.testing.assert_allclose(found["permittivity_imaginary"], expected.imag)
    assert (found["permittivity_imaginary"] > 0).all()
    np.testing.assert_allclose(found["loss_function"], (-1 / expected).imag)
    with pytest.raises(DataError, match="oscillators must be"):
        eels.simulate_permittivity([(225.0, 1.0)])
    with pytest.raises(DataError, match="start must be above 0"):
        eels.simulate_permittivity([(225.0, 0.0, 1.0)], start=0.0)
