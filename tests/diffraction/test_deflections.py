"""Fields, charges and phases from deflections, on phase objects whose gradients are known."""

import numpy as np
import pytest
import xarray as xr
from scipy import constants

from omniscopy import samples, simulate
from omniscopy.diffraction import fit_dpc, measure_com, reconstruct_dpc, reconstruct_idpc
from omniscopy.diffraction.deflections import gradients
from omniscopy.model import DataError, Status, convert_units, coordinate

VOLTAGE = 200e3


def bump(y, x, size):
    """Two round atoms in a periodic cell: phase, and its derivatives along y and x."""
    total = np.zeros((3, *np.broadcast_shapes(y.shape, x.shape)))
    for height, y0, x0 in [(0.5, 0.3, 0.35), (0.2, 0.7, 0.6)]:
        for shift_y in (-1, 0, 1):
            for shift_x in (-1, 0, 1):
                dy, dx = y - (y0 + shift_y) * size, x - (x0 + shift_x) * size
                value = height * np.exp(-(dy**2 + dx**2) / (2 * 0.1**2))
                total += np.stack([value, -dy / 0.1**2 * value, -dx / 0.1**2 * value])
    return total


def deflections(shape=(48, 40), *, size=1.0, rotation=0.0, flip=False, units="1/nm"):
    """Return the deflection that a turned and flipped detector measures, and the phase."""
    step_y, step_x = size / shape[0], size / shape[1]
    y, x = step_y * np.arange(shape[0]), step_x * np.arange(shape[1])
    phase, along_y, along_x = bump(y[:, None], x[None, :], size)
    along_y, along_x = along_y / (2 * np.pi), along_x / (2 * np.pi)
    turn = np.deg2rad(rotation)
    seen_y = np.cos(turn) * along_y - np.sin(turn) * along_x
    seen_x = np.sin(turn) * along_y + np.cos(turn) * along_x
    coords = {"y": coordinate("y", y, "nm"), "x": coordinate("x", x, "nm")}
    com = xr.Dataset(
        {
            name: (("y", "x"), values, {"units": units})
            for name, values in {"com_y": -seen_y if flip else seen_y, "com_x": seen_x}.items()
        },
        coords,
    )
    return com, phase - phase.mean()


def in_units(com, units):
    return com.assign({name: com[name].assign_attrs(units=units) for name in com})


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("rotation", [0.0, 25.0, -70.0, 130.0, -164.0])
def test_the_rotation_and_the_flip_of_the_detector_are_found(rotation, flip):
    com, _ = deflections((96, 96), rotation=rotation, flip=flip)
    found = fit_dpc(com)
    assert bool(found["flip"]) == flip
    assert float(found["rotation"]) == pytest.approx(rotation, abs=0.1)
    assert float(found["curl"]) < 0.02
    straight, _ = deflections((96, 96))
    np.testing.assert_allclose(found["deflection_y"], straight["com_y"], atol=2e-3)
    np.testing.assert_allclose(found["deflection_x"], straight["com_x"], atol=2e-3)


def test_a_dark_field_tells_apart_what_is_half_a_turn_away():
    com, phase = deflections(rotation=10.0)
    dark = xr.DataArray(phase, dims=("y", "x"))
    assert float(fit_dpc(com, dark_field=dark)["rotation"]) == pytest.approx(10.0, abs=0.5)
    assert float(fit_dpc(com, dark_field=-dark)["rotation"]) == pytest.approx(-170.0, abs=0.5)


def test_a_rotation_that_is_given_is_kept():
    com, _ = deflections(rotation=40.0)
    found = fit_dpc(com, rotation=40.0, flip=False)
    assert float(found["rotation"]) == 40.0
    assert float(found["rotation_std"]) == 0.0
    assert float(fit_dpc(com, rotation=0.0, flip=False)["curl"]) > 0.3


def test_the_spread_of_the_rotation_is_its_scatter():
    com, _ = deflections((36, 36), rotation=30.0)
    rng = np.random.default_rng(0)
    noisy = xr.Dataset(
        {
            name: com[name]
            + xr.DataArray(rng.normal(0, 0.05, (200, 36, 36)), dims=("frame", "y", "x"))
            for name in com
        }
    )
    found = fit_dpc(in_units(noisy, "1/nm"), flip=False)
    away = (found["rotation"] - 30.0 + 90) % 180 - 90
    reported = float((found["rotation_std"] ** 2).mean()) ** 0.5
    assert float(away.std()) == pytest.approx(reported, rel=0.2)
    assert abs(float(away.mean())) < 0.3 * reported


@pytest.mark.parametrize("shape", [(48, 40), (37, 51)])
def test_the_phase_is_integrated_exactly_where_it_repeats(shape):
    com, phase = deflections(shape)
    found = reconstruct_idpc(com, boundary="periodic", rotation=0.0, flip=False)
    np.testing.assert_allclose(found["phase"], phase, atol=1e-6)
    assert found["phase"].attrs["units"] == "rad"
    assert "potential" not in found


def test_mirrored_deflections_give_the_phase_of_a_part_of_an_object():
    com, _ = deflections((96, 96))
    part = com.isel(y=slice(10, 70), x=slice(20, 85))
    y, x = part["y"].values[:, None], part["x"].values[None, :]
    truth = bump(y, x, 1.0)[0]
    truth -= truth.mean()
    errors = {}
    for boundary in ("antisymmetric", "periodic", "padded"):
        found = reconstruct_idpc(
            part, boundary=boundary, rotation=0.0, flip=False, background="none"
        )
        errors[boundary] = float(np.sqrt(((found["phase"] - truth) ** 2).mean()))
    assert errors["antisymmetric"] < 0.02
    assert errors["antisymmetric"] < min(errors["periodic"], errors["padded"])


def test_low_frequencies_can_be_damped():
    com, phase = deflections()
    ramp = com.assign(com_y=com["com_y"] + 0.05 * np.sin(2 * np.pi * com["y"]))
    ramp["com_y"].attrs["units"] = "1/nm"
    plain, damped = (
        reconstruct_idpc(ramp, rotation=0.0, flip=False, high_pass=q, boundary="periodic")["phase"]
        for q in (None, 2.0)
    )
    waves = [np.abs(np.fft.fft2(each - phase)[1, 0]) for each in (plain, plain * 0 + damped)]
    assert waves[0] > 0
    assert float(damped.std()) < float(plain.std())


def test_fields_and_charges_are_those_of_the_potential():
    com, _ = deflections((96, 96))
    field = reconstruct_dpc(com, voltage=VOLTAGE, rotation=0.0, flip=False)
    electrons = constants.elementary_charge
    gamma = 1 + electrons * VOLTAGE / (constants.m_e * constants.c**2)
    momentum = constants.m_e * constants.c * np.sqrt(gamma**2 - 1)
    velocity = momentum / (gamma * constants.m_e)
    # The momentum h k of an electron of charge -e that passed a field: -e E t = h k v.
    expected = -constants.h * com["com_x"] * 1e9 * velocity / electrons
    np.testing.assert_allclose(field["field_x"], expected, rtol=1e-6, atol=1e-9)
    assert field["field_x"].attrs["units"] == "V"
    potential = reconstruct_idpc(
        com, voltage=VOLTAGE, boundary="periodic", rotation=0.0, flip=False
    )["potential"]
    slope = np.gradient(potential, 1 / 96, axis=1)
    np.testing.assert_allclose(
        field["field_x"][:, 1:-1], -slope[:, 1:-1], atol=0.02 * np.abs(slope).max()
    )
    inner = field["charge"].isel(y=slice(1, -1), x=slice(1, -1))
    around = slice(18, 42), slice(22, 46)
    assert float(inner[around].max()) > 0.9 * float(np.abs(inner).max())
    laplace = sum(
        np.gradient(np.gradient(potential, 1 / 96, axis=n), 1 / 96, axis=n) for n in (0, 1)
    )
    charge = -constants.epsilon_0 * laplace * 1e-9 / electrons
    np.testing.assert_allclose(
        inner[4:-4, 4:-4], charge[5:-5, 5:-5], atol=0.02 * float(np.abs(charge).max())
    )
    thick = reconstruct_dpc(com, voltage=VOLTAGE, thickness=5.0, rotation=0.0, flip=False)
    np.testing.assert_allclose(thick["field_y"] * 5, field["field_y"])
    assert thick["charge"].attrs["units"] == "e/nm^3"


@pytest.mark.parametrize("boundary", ["antisymmetric", "periodic", "padded"])
@pytest.mark.parametrize("shape", [(10, 12), (9, 11)])
def test_phases_do_not_ask_from_which_end_the_scan_is_listed(shape, boundary):
    """Not of noise either, which has the highest frequency of an even number too."""
    com, _ = deflections(shape)
    rng = np.random.default_rng(0)
    com = com.map(lambda each: each + rng.normal(0.0, 0.2, each.shape), keep_attrs=True)
    options = {"rotation": 0.0, "flip": False, "boundary": boundary}
    expected = reconstruct_idpc(com, **options)["phase"]
    for dim in ("y", "x"):
        turned = com.isel({dim: slice(None, None, -1)})
        found = reconstruct_idpc(turned, **options)["phase"].sortby(["y", "x"])
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_deflections_may_be_angles():
    com, phase = deflections()
    wavelength = 2.5079e-3  # nm at 200 kV
    angles = in_units(com * wavelength * 1e3, "mrad")
    found = reconstruct_idpc(angles, voltage=VOLTAGE, boundary="periodic", rotation=0.0, flip=False)
    np.testing.assert_allclose(found["phase"], phase, atol=1e-3)
    with pytest.raises(DataError, match="voltage is not known"):
        reconstruct_idpc(angles)


def truth_at(data, rotation, flip):
    """Return the phase of a grating at the positions of a scan, and its slopes along y and x.

    It repeats and is limited in frequency: a scan of one cell says all of it.
    """
    count, size = 36, 0.9
    cell = simulate.phase_grating_4d(
        (count, count), sampling=size / count, rotation=0.0, flip=False, convergence_angle=15.0
    )
    waves = np.fft.fft2(cell.attrs["metadata"]["truth"]["phase"]) / count**2
    k = np.fft.fftfreq(count, size / count)
    turn, sign = np.deg2rad(rotation), -1.0 if flip else 1.0
    y, x = np.meshgrid(data["y"], data["x"], indexing="ij")
    row = sign * (np.cos(turn) * y - np.sin(turn) * x)
    column = np.cos(turn) * x + np.sin(turn) * y
    along_row, along_column = (np.exp(2j * np.pi * each[..., None] * k) for each in (row, column))
    value, d_row, d_column = (
        np.einsum("...h,hk,...k->...", along_row, each, along_column).real
        for each in (waves, 2j * np.pi * k[:, None] * waves, 2j * np.pi * k * waves)
    )
    slope_y = sign * np.cos(turn) * d_row + np.sin(turn) * d_column
    slope_x = -sign * np.sin(turn) * d_row + np.cos(turn) * d_column
    return value, slope_y, slope_x


# A square lattice turned by atan(1/2) repeats in a square whose sides are sqrt(5) of its own.
@pytest.mark.parametrize(
    ("rotation", "flip", "cells"),
    [
        (0.0, False, 1.0),
        (np.rad2deg(np.arctan(0.5)), True, 5**0.5),
        (np.rad2deg(np.arctan(0.5)) - 180.0, False, 5**0.5),
    ],
)
def test_the_phase_of_an_object_is_found_from_its_patterns(rotation, flip, cells):
    count = round(18 * cells)
    data = simulate.phase_grating_4d(
        (count, count), rotation=rotation, flip=flip, sampling=0.9 * cells / count,
        convergence_angle=15.0,
    )  # fmt: skip
    com = measure_com(data)
    truth, slope_y, slope_x = truth_at(data, rotation, flip)
    np.testing.assert_allclose(truth, data.attrs["metadata"]["truth"]["phase"], atol=1e-9)
    found = fit_dpc(com)
    assert bool(found["flip"]) == flip
    assert abs((float(found["rotation"]) - rotation + 180) % 360 - 180) < 1.0
    turned = fit_dpc(com, rotation=rotation, flip=flip, background="none")
    for name, slope in (("deflection_y", slope_y), ("deflection_x", slope_x)):
        largest = np.abs(slope).max()
        np.testing.assert_allclose(2 * np.pi * turned[name], slope, atol=1e-3 * largest)
    assert reconstruct_dpc(com, rotation=rotation, flip=flip)["field_y"].attrs["units"] == "V"
    phase = reconstruct_idpc(com, rotation=rotation, flip=flip, boundary="periodic")["phase"]
    error = float(np.sqrt(((phase - (truth - truth.mean())) ** 2).mean()))
    assert error < 1e-3 * truth.std()


@pytest.mark.parametrize(("rotation", "flip"), [(25.0, True), (-150.0, False)])
def test_the_phase_of_a_part_of_an_object_is_found_from_its_patterns(rotation, flip):
    data = simulate.phase_grating_4d((26, 26), rotation=rotation, flip=flip, sampling=0.9 / 26)
    com, truth = measure_com(data), np.array(data.attrs["metadata"]["truth"]["phase"])
    found = fit_dpc(com)
    assert bool(found["flip"]) == flip
    assert float(found["rotation"]) == pytest.approx(rotation, abs=1.5)
    phase = reconstruct_idpc(com, rotation=rotation, flip=flip, background="none")["phase"]
    away = (phase - (truth - truth.mean())).isel(y=slice(4, -4), x=slice(4, -4))
    # Mirrored fields have a step at edges that the object does not meet at a right angle.
    assert float(away.std()) < 0.03 * truth.std()


def test_a_lattice_that_repeats_is_found_exactly_from_its_patterns():
    data = simulate.phase_grating_4d(
        (18, 18), sampling=0.05, rotation=0.0, flip=False, convergence_angle=15.0
    )
    com = measure_com(data)
    truth = np.array(data.attrs["metadata"]["truth"]["phase"])
    phase = reconstruct_idpc(com, rotation=0.0, flip=False, boundary="periodic")["phase"]
    np.testing.assert_allclose(phase, truth - truth.mean(), atol=2e-5)


def test_positions_without_a_deflection_are_nan_and_alone():
    com, _ = deflections()
    com["com_y"][5, 6] = np.nan
    found = reconstruct_idpc(com, voltage=VOLTAGE)
    assert int(np.isnan(found["phase"]).sum()) == 1
    assert int(found["status"]) == Status.CONVERGED
    nothing = fit_dpc(com * np.nan)
    assert int(nothing["status"]) == Status.NO_DATA
    assert np.isnan(nothing["rotation"])


def test_deflections_that_are_all_the_same_have_no_rotation():
    com = samples.deflections()
    for name in ("com_y", "com_x"):
        com[name] = com[name] * 0 + 0.37
    for call in (fit_dpc, reconstruct_idpc):
        found = call(com)
        assert int(found["status"]) == Status.NO_DATA
        assert np.isnan(found["rotation"])
        assert np.isnan(found["rotation_std"])
    assert int(fit_dpc(com, rotation=20.0)["status"]) == Status.CONVERGED


def test_deflections_of_which_one_has_no_units_are_refused():
    com = samples.deflections()
    del com["com_x"].attrs["units"]
    with pytest.raises(DataError, match="both components must have the same units"):
        fit_dpc(com)


def test_a_scan_that_moves_the_beam_loses_a_plane():
    com, _ = deflections((96, 96), rotation=20.0)
    moved = com.assign(
        com_y=(com["com_y"] + 0.3 * com["y"] - 0.2 * com["x"]).assign_attrs(units="1/nm")
    )
    found = fit_dpc(moved, background="plane")
    assert float(found["rotation"]) == pytest.approx(20.0, abs=0.5)


def test_each_image_of_a_series_is_turned_by_itself():
    one, two = deflections(rotation=15.0)[0], deflections(rotation=-40.0, flip=True)[0]
    found = fit_dpc(xr.concat([one, two], "frame").chunk({"frame": 1})).compute()
    np.testing.assert_allclose(found["rotation"], [15.0, -40.0], atol=0.5)
    assert found["flip"].values.tolist() == [False, True]


def test_the_sign_of_the_axes_of_the_scan_counts():
    com, _ = deflections(rotation=15.0)
    up = com.isel(y=slice(None, None, -1))
    np.testing.assert_allclose(fit_dpc(up)["rotation"], fit_dpc(com)["rotation"], atol=1e-6)
    phase = [reconstruct_idpc(each, rotation=15.0, flip=False)["phase"] for each in (com, up)]
    np.testing.assert_allclose(phase[1].sortby("y"), phase[0], atol=1e-9)


def test_the_plane_that_is_taken_off_is_the_one_that_fits():
    y, x = np.mgrid[:7, :9]
    values = 3.0 + 0.5 * y - 0.25 * x
    values[2, 3] = np.nan
    left = gradients.without_plane(values)
    np.testing.assert_allclose(left[np.isfinite(values)], 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda com: fit_dpc(com["com_y"]), "expected the Dataset of `measure_com`"),
        (lambda com: fit_dpc(com.drop_vars("com_x")), "expected variables com_y and com_x"),
        (lambda com: fit_dpc(com.isel(y=[0])), "at least 3 are needed"),
        (lambda com: fit_dpc(com, background="cubic"), "background must be one of"),
        (lambda com: fit_dpc(com, dark_field=com["com_y"][1:]), "must be an image of the scan"),
        (reconstruct_dpc, "pass voltage= in V"),
        (lambda com: reconstruct_dpc(com, voltage=200), "for 200 kV|write 200000"),
        (
            lambda com: reconstruct_dpc(com, voltage=2e5, thickness=0.0),
            "thickness must be positive",
        ),
        (lambda com: reconstruct_idpc(com, boundary="open"), "boundary must be one of"),
        (lambda com: reconstruct_idpc(com, high_pass=-1.0), "high_pass must be a positive"),
        (
            lambda com: reconstruct_idpc(in_units(com, "px")),
            "calibrate the coordinates",
        ),
    ],
)
def test_says_what_is_missing(call, match):
    with pytest.raises(DataError, match=match):
        call(deflections()[0])


def test_lengths_may_be_in_other_units():
    com, _ = deflections()
    small = com.assign_coords(
        y=convert_units(com["com_y"], "pm", dim="y")["y"],
        x=convert_units(com["com_y"], "pm", dim="x")["x"],
    )
    one, other = (reconstruct_idpc(each, voltage=VOLTAGE)["phase"] for each in (com, small))
    np.testing.assert_allclose(one, other, atol=1e-9)


def test_the_sample_is_turned_as_its_truth_says():
    found = fit_dpc(samples.deflections())
    assert float(found["rotation"]) == pytest.approx(25.0, abs=1.0)
    assert bool(found["flip"])
