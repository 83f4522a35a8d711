"""Tapping cantilevers against closed forms, energies, and an ODE solver of SciPy."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from omniscopy import simulate
from omniscopy.model import DataError
from omniscopy.physics import tapping
from omniscopy.simulate.tapping_mode import mode_response

FAST = {"quality_factor": 30.0, "steps": 400, "periods": 10}
EV = 1.602176634e-19


def test_far_from_the_surface_it_is_a_free_oscillator():
    made = simulate.tapping([1e5], drive_frequency=74e3, hamaker=0.0, **FAST)
    assert float(made["amplitude"][0]) == pytest.approx(20.0, rel=1e-6)
    answer = mode_response(74e3, 75e3, 30.0, 3.0)
    assert float(made["phase"][0]) == pytest.approx(-np.degrees(np.angle(answer)), abs=1e-3)
    assert abs(float(made["dissipation"][0])) < 1e-6
    resonant = simulate.tapping([1e5], hamaker=0.0, **FAST)
    assert float(resonant["phase"][0]) == pytest.approx(90.0, abs=1e-3)


@pytest.mark.parametrize(
    "material",
    [{}, {"viscosity": 300.0}, {"relaxing_modulus": 2e9, "relaxation_time": 1e-6}],
)
def test_energy_is_kept_and_goes_where_it_is_said_to(material):
    made = simulate.tapping([16.0, 12.0], **{**FAST, "quality_factor": 60.0}, **material)
    balance = made["drive_work"] - made["damping_work"] - made["dissipation"]
    # What sums over the points of a period miss of contacts that begin and end between them.
    assert float(abs(balance / made["drive_work"]).max()) < 6e-3
    if material:
        assert float(made["dissipation"][1]) > 5.0
    else:
        # An elastic surface gives back what it takes.
        assert abs(float(made["dissipation"][1])) < 4e-3 * float(made["drive_work"][1])
    force = made.attrs["metadata"]["truth"]["drive_force"]
    a, phi = made["amplitude"].values * 1e-9, np.deg2rad(made["phase"].values)
    omega = 2 * np.pi * 75e3
    lost = tapping.dissipation(a, phi, force, 3.0, omega, omega, 60.0) / EV
    np.testing.assert_allclose(
        lost, made["dissipation"], atol=0.02 * float(made["drive_work"].max())
    )
    virial = tapping.virial(a, phi, force, 3.0, omega, omega) / EV
    # The mean deflection has a part in the mean of force times motion.
    static = 3.0 * (made["deflection"].values * 1e-9) ** 2 / EV
    np.testing.assert_allclose(virial + static, made["virial"], rtol=0.03, atol=1.0)


def test_the_steady_motion_is_that_of_a_solver_of_scipy():
    made = simulate.tapping([14.0], viscosity=200.0, relaxing_modulus=1e9, **FAST)
    force = made.attrs["metadata"]["truth"]["drive_force"]
    omega, q, k, height = 2 * np.pi * 75e3, 30.0, 3.0, 14e-9
    reduced = 4 / 3 / (1 - 0.3**2) * np.sqrt(10e-9)

    def rate(t, y):
        z, v, arm = y
        distance = height + z
        ts = -1e-19 * 10e-9 / 6 / max(distance, 0.165e-9) ** 2
        grows = 0.0
        if distance < 0.165e-9:
            depth = 0.165e-9 - distance
            ts += reduced * 1e9 * depth**1.5 + arm - 200.0 * np.sqrt(10e-9 * depth) * v
            grows = -1.5 * reduced * 1e9 * np.sqrt(depth) * v
        push = force * np.cos(omega * t) + ts
        return [v, omega**2 / k * push - omega / q * v - omega**2 * z, grows - arm / 1e-6]

    period = 2 * np.pi / omega
    t = np.linspace(100 * period, 110 * period, 4001)[:-1]
    solved = solve_ivp(
        rate, (0, t[-1]), [0.0, 20e-9 * omega, 0.0], t_eval=t, method="LSODA", rtol=1e-8,
        atol=[1e-16, 1e-10, 1e-16], max_step=period / 100,
    )  # fmt: skip
    part = 2 * np.mean(solved.y[0] * np.exp(1j * omega * t))
    assert float(made["amplitude"][0]) == pytest.approx(abs(part) * 1e9, rel=1e-3)
    assert float(made["phase"][0]) == pytest.approx(np.degrees(np.angle(part)), abs=0.2)


def test_compiled_and_plain_motions_are_one():
    modes = np.array([[2 * np.pi * 75e3, 5.0, 3.0], [2 * np.pi * 470e3, 20.0, 110.0]])
    contact = np.array([1e-28, 0.165e-9, 1e5, 5e4, 1e-6, 1e-3])
    made = []
    for function in (tapping.oscillate, tapping.oscillate_fast):
        found, state = np.empty(8), np.array([0.0, 1e-3, 0.0, 0.0, 0.0])
        function(modes, np.array([1e-9, 2 * np.pi * 75e3]), contact, 5e-9, np.array([200, 1, 1]),
                 state, found)  # fmt: skip
        made.append(np.concatenate([found, state]))
    np.testing.assert_allclose(made[0], made[1], rtol=1e-9, atol=1e-30)


def test_near_the_surface_amplitudes_fall_with_the_distance():
    made = simulate.tapping([30.0, 15.0, 10.0, 5.0], modulus=20e9, **FAST)
    amplitude = made["amplitude"].values
    assert (np.diff(amplitude) < 0).all()
    assert amplitude[2] == pytest.approx(10.0, abs=2.0)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"steps": 10}, "at least 50 steps"),
        ({"quality_factor": [10.0, 20.0]}, "as many modes"),
        ({"radius": 0.0}, "radius must be positive"),
        ({"viscosity": -1.0}, "0 or more"),
    ],
)
def test_says_what_is_wrong(options, match):
    with pytest.raises(DataError, match=match):
        simulate.tapping([10.0], **options)
