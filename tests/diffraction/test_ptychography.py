"""Phases from patterns that overlap, of objects, probes and positions that are known."""

import numpy as np
import pytest
import scipy.fft

from omniscopy import simulate
from omniscopy.diffraction import reconstruct_parallax, reconstruct_ptychography
from omniscopy.diffraction.ptychography.arrays import Arrays
from omniscopy.diffraction.ptychography.variation import flattened
from omniscopy.model import DataError, MetadataWarning, Status, convert_units

DEFOCUS = {"defocus": 60.0}


def block(shape=(10, 11), pixels=32, **options):
    return simulate.ptychography_4d(shape, pixels, **{"pixel": 0.8, "sampling": 0.06, **options})


def error_of(data, found, margin=3):
    """Return the rms error of the phase as a part of that of the true phase, both without means."""
    truth = data.attrs["metadata"]["truth"]
    y, x = found["y"].values, found["x"].values
    total = np.zeros((len(y), len(x)))
    for at_y, at_x, height in truth["atoms"]:
        along_y = np.exp(-0.5 * (y - at_y) ** 2 / truth["width"] ** 2)
        along_x = np.exp(-0.5 * (x - at_x) ** 2 / truth["width"] ** 2)
        total += height * np.outer(along_y, along_x)
    inside = (slice(margin, -margin), slice(margin, -margin))
    truth, seen = total[inside], found["phase"].values[inside]
    return np.std(seen - truth) / np.std(truth)


def periodic(phase):
    """Return a scan of a whole cell, and its phase in the band that the aperture passes."""
    size, width, count, step = 0.9, 0.06, 24, 0.0375
    data = simulate.phase_grating_4d(
        (count, count), 36, size=size, sampling=step, phase=phase, width=width, rotation=0.0,
        flip=False,
    )  # fmt: skip
    q = np.fft.fftfreq(count, step)
    square = q[:, None] ** 2 + q**2
    atom = phase * 2 * np.pi * width**2 * np.exp(-2 * np.pi**2 * width**2 * square) / size**2
    places = [(1.0, 0.25, 0.25), (0.5, 0.6, 0.75)]
    spectrum = atom * sum(
        h * np.exp(-2j * np.pi * size * (q[:, None] * y + q * x)) for h, y, x in places
    )
    spectrum[np.sqrt(square) >= 2 * 0.020 / 0.0025079] = 0.0  # twice 20 mrad at 200 kV
    spectrum[0, 0] = 0.0
    return data, np.fft.ifft2(spectrum, norm="forward").real


@pytest.mark.parametrize(("method", "tolerance"), [("ssb", 1e-4), ("matched", 1e-4), ("wdd", 5e-3)])
def test_a_weak_phase_that_repeats_is_exact_in_its_band(method, tolerance):
    data, truth = periodic(0.01)
    found = reconstruct_ptychography(data, method=method, regularisation=1e-5)
    assert np.std(found["phase"] - truth) < tolerance * np.std(truth)
    assert found["phase"].attrs["units"] == "rad"


def test_wigner_deconvolution_is_exact_where_side_bands_are_not():
    data, truth = periodic(0.6)
    errors = {
        method: np.std(
            reconstruct_ptychography(data, method=method, regularisation=r)["phase"] - truth
        )
        / np.std(truth)
        for method, r in (("ssb", 1e-5), ("wdd", 1e-3))
    }
    assert errors["wdd"] < 0.02
    assert errors["wdd"] < 0.7 * errors["ssb"]


def transfer_of(shape, step, defocus, radius=0.020 / 0.0025079, wavelength=0.0025079):
    """Return by how much frequencies of a phase come through, by a fine grid over the aperture."""
    q = [np.fft.fftfreq(size, step) for size in shape]
    k = np.linspace(-radius, radius, 400)
    ky, kx = np.meshgrid(k, k, indexing="ij")

    def wave(y, x):
        square = y**2 + x**2
        return (square <= radius**2) * np.exp(-1j * np.pi * wavelength * defocus * square)

    own = wave(ky, kx)
    made = np.zeros(shape)
    for i, j in np.ndindex(*shape):
        y, x = q[0][i], q[1][j]
        gamma = own.conj() * wave(ky - y, kx - x) - own * wave(ky + y, kx + x).conj()
        made[i, j] = np.sqrt((np.abs(gamma) ** 2).sum() / (np.abs(own) ** 2).sum())
    return made


@pytest.mark.parametrize("defocus", [0.0, 60.0])
def test_optimum_bright_field_is_the_phase_by_how_well_it_comes_through(defocus):
    step, shape, aberrations = 0.075, (12, 12), {"defocus": defocus}
    data = block(shape, 72, sampling=step, pixel=0.4, phase=0.01, aberrations=aberrations)
    options = {"aberrations": aberrations}
    exact = reconstruct_ptychography(data, method="matched", regularisation=1e-9, **options)
    image = reconstruct_ptychography(data, method="obf", **options)
    assert image["phase"].attrs["units"] == "rad"
    expected = transfer_of(shape, step, defocus / 10)
    spectra = [scipy.fft.fft2(each["phase"].values) for each in (image, exact)]
    there = np.abs(spectra[1]) > 0.02 * np.abs(spectra[1]).max()
    ratio = (spectra[0] / np.where(there, spectra[1], 1.0))[there]
    # Pixels of the patterns are counted, not areas.
    np.testing.assert_allclose(ratio.real, expected[there], rtol=0.1, atol=0.05)
    np.testing.assert_allclose(ratio.imag, 0.0, atol=1e-6)


def test_noise_of_optimum_bright_field_is_white_and_as_the_dose_has_it():
    dose, rng = 200.0, np.random.default_rng(2)
    clean = block((16, 18), phase=1e-9)
    noisy = clean.copy(
        data=rng.poisson(dose * clean.values / clean.sum(("ky", "kx")).values.mean())
    )
    phase = reconstruct_ptychography(noisy, method="obf")["phase"]
    far = scipy.fft.fft2(phase.values, norm="forward")
    inside = np.abs(far) > 0
    power = np.abs(far[inside]) ** 2 * dose * phase.size
    # The mean of as many draws from an exponential distribution, half of which are their own.
    assert power.mean() == pytest.approx(1.0, abs=4.0 * np.sqrt(2.0 / inside.sum()))
    assert float(phase.std()) == pytest.approx(np.sqrt(inside.mean() / dose), rel=0.2)
    near = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, 0.06) for n in phase.shape), indexing="ij"))
    low, high = power[near[inside] < 6.0].mean(), power[near[inside] >= 6.0].mean()
    assert low == pytest.approx(high, rel=0.5)


def test_optimum_bright_field_has_more_signal_over_noise_than_side_bands():
    aberrations = {"defocus": 100.0}
    clean = block((14, 14), phase=0.05, rng=3, aberrations=aberrations)
    share = clean.values / clean.sum(("ky", "kx")).values.mean()
    rng = np.random.default_rng(5)
    draws = [clean.copy(data=rng.poisson(500.0 * share)) for _ in range(6)]
    ratio = {}
    for method in ("obf", "ssb"):
        options = {"method": method, "aberrations": aberrations}
        truth = scipy.fft.fft2(reconstruct_ptychography(clean, **options)["phase"].values)
        noisy = [scipy.fft.fft2(reconstruct_ptychography(e, **options)["phase"]) for e in draws]
        noise = np.mean([np.abs(each - truth) ** 2 for each in noisy], axis=0)
        inside = noise > 1e-9 * noise.max()
        ratio[method] = np.sum(np.abs(truth[inside]) ** 2 / noise[inside])
    assert ratio["obf"] > 1.3 * ratio["ssb"]


def test_atoms_are_bright_in_optimum_bright_field():
    clean = block((20, 20), phase=0.05, rng=3)
    image = reconstruct_ptychography(clean, method="obf")
    peak = np.unravel_index(image["phase"].values.argmax(), image["phase"].shape)
    atoms = np.array(clean.attrs["metadata"]["truth"]["atoms"])
    away = np.hypot(
        atoms[:, 0] - float(image["y"][peak[0]]), atoms[:, 1] - float(image["x"][peak[1]])
    )
    assert away.min() < 0.06


@pytest.mark.parametrize(("rotation", "flip"), [(0.0, False), (25.0, True), (-70.0, False)])
@pytest.mark.parametrize(("method", "most"), [("ssb", 0.2), ("wdd", 0.25), ("lsqml", 0.08)])
def test_a_detector_that_is_turned_gives_the_object_along_the_scan(method, most, rotation, flip):
    data = block((18, 17), sampling=0.05, phase=0.1, rotation=rotation, flip=flip)
    found = reconstruct_ptychography(data, method=method, rotation=rotation, flip=flip, max_steps=8)
    assert error_of(data, found, 4) < most
    wrong = reconstruct_ptychography(
        data, method=method, rotation=rotation + 90.0, flip=flip, max_steps=5
    )
    if wrong["phase"].shape == found["phase"].shape:
        assert error_of(data, wrong, 4) > 2 * most


@pytest.mark.parametrize("method", ["ssb", "matched", "wdd"])
def test_aberrations_are_corrected(method):
    lens = {"defocus": 80.0, "astigmatism": 30.0, "astigmatism_angle": 30.0}
    data = block((18, 18), sampling=0.05, phase=0.1, aberrations=lens)
    right = error_of(data, reconstruct_ptychography(data, method=method, aberrations=lens), 4)
    assert right < 0.3
    for wrong in ({}, {**lens, "defocus": -80.0}, {**lens, "astigmatism_angle": 120.0}):
        found = reconstruct_ptychography(data, method=method, aberrations=wrong)
        assert error_of(data, found, 4) > 1.3 * right


@pytest.mark.parametrize(
    ("method", "steps", "most"), [("epie", 8, 0.2), ("lsqml", 15, 0.04), ("gradient", 20, 0.05)]
)
def test_iterations_find_a_strong_object(method, steps, most):
    data = block((8, 9), aberrations=DEFOCUS)
    found = reconstruct_ptychography(
        data, method=method, aberrations=DEFOCUS, max_steps=steps, tolerance=0.0
    )
    assert error_of(data, found) < most
    error = found["error"].values
    assert error[-1] < 0.2 * error[0]
    assert float((abs(found["probe"]) ** 2).sum()) == pytest.approx(1.0, rel=1e-4)
    assert float(found["amplitude"][3:-3, 3:-3].std()) < 0.03


def layered(thickness=20.0, **options):
    """Return a scan of atoms in two layers, and the phase of each, shape (layer, y, x)."""
    data = simulate.ptychography_4d(
        (12, 12), 48, **{
            "pixel": 0.8, "sampling": 0.06, "convergence_angle": 30.0, "phase": 0.6, "width": 0.04,
            "density": 30.0, "layers": 2, "thickness": thickness, "aberrations": DEFOCUS, **options,
        },
    )  # fmt: skip
    truth = data.attrs["metadata"]["truth"]
    known = {"slices": 2, "thickness": thickness, "aberrations": DEFOCUS, "tolerance": 0.0}
    atoms, layer = np.array(truth["atoms"]), np.array(truth["layer"])

    def phases(found):
        y, x = found["y"].values, found["x"].values
        made = np.zeros((2, len(y), len(x)))
        for (at_y, at_x, height), n in zip(atoms, layer, strict=True):
            along_y = np.exp(-0.5 * (y - at_y) ** 2 / truth["width"] ** 2)
            made[n] += height * np.outer(
                along_y, np.exp(-0.5 * (x - at_x) ** 2 / truth["width"] ** 2)
            )
        return made[:, 3:-3, 3:-3]

    return data, known, phases


@pytest.mark.parametrize(
    ("method", "steps", "most", "alike"),
    [("lsqml", 25, 0.15, 0.98), ("gradient", 40, 0.5, 0.9), ("epie", 15, 0.5, 0.85)],
)
def test_slices_of_a_thick_object_are_told_apart(method, steps, most, alike):
    data, known, phases = layered()
    found = reconstruct_ptychography(data, method=method, max_steps=steps, **known)
    truth = phases(found)
    seen = found["slice_phase"].values[:, 3:-3, 3:-3]
    total = found["phase"].values[3:-3, 3:-3]
    assert np.std(total - truth.sum(0)) < most * np.std(truth.sum(0))
    for n in range(2):
        assert np.corrcoef(seen[n].ravel(), truth[n].ravel())[0, 1] > alike
        # The first is where the beam enters: turned round, each would be like the other.
        assert np.corrcoef(seen[n].ravel(), truth[1 - n].ravel())[0, 1] < 0.3
    assert found["slice"].values.tolist() == [0.25, 0.75]
    assert found["object"].dims == ("slice", "detector_y", "detector_x")


def test_one_slice_does_not_make_a_thick_object():
    data, known, phases = layered()
    thick = reconstruct_ptychography(data, method="lsqml", max_steps=25, **known)
    thin = reconstruct_ptychography(
        data, method="lsqml", max_steps=25, aberrations=DEFOCUS, tolerance=0.0
    )
    assert float(thin["error"][-1]) > 10 * float(thick["error"][-1])
    truth = phases(thick).sum(0)
    away = [np.std(each["phase"].values[3:-3, 3:-3] - truth) for each in (thick, thin)]
    assert away[0] < 0.5 * away[1]


def test_slices_without_a_distance_are_one():
    data = block((6, 6))
    options = {"method": "gradient", "max_steps": 4, "tolerance": 0.0, "precision": "double"}
    one = reconstruct_ptychography(data, **options)
    two = reconstruct_ptychography(data, slices=2, thickness=1e-9, **options)
    np.testing.assert_allclose(two["error"], one["error"], rtol=0.05)
    np.testing.assert_allclose(two["phase"], two["slice_phase"].sum("slice"), atol=1e-6)


def test_slices_go_on_from_an_earlier_result():
    data, known, _ = layered()
    options = {"method": "lsqml", "precision": "double", **known}
    whole = reconstruct_ptychography(data, max_steps=4, **options)
    half = reconstruct_ptychography(data, max_steps=2, **options)
    rest = reconstruct_ptychography(data, max_steps=2, start=half, **options)
    assert float(rest["error"][2]) < float(rest["error"][1])
    assert float(rest["error"][3]) == pytest.approx(float(whole["error"][3]), rel=0.3)


def test_slices_that_cannot_be_are_refused():
    data = block((6, 6))
    with pytest.raises(DataError, match="thickness= of the object in nm"):
        reconstruct_ptychography(data, method="lsqml", slices=2)
    with pytest.raises(DataError, match="no slices="):
        reconstruct_ptychography(data, method="ssb", slices=2, thickness=5.0)
    with pytest.raises(DataError, match="slices must be a whole number"):
        reconstruct_ptychography(data, method="lsqml", slices=0)


def test_a_probe_that_was_stated_wrong_is_found():
    data = block((9, 9), aberrations={"defocus": 90.0})
    start = {"aberrations": DEFOCUS, "method": "lsqml", "max_steps": 25, "tolerance": 0.0}
    held = reconstruct_ptychography(data, **start, refine_probe=False)
    freed = reconstruct_ptychography(data, **start)
    assert error_of(data, freed) < 0.15
    assert error_of(data, held) > 1.1 * error_of(data, freed)
    assert float(held["error"][-1]) > 1.2 * float(freed["error"][-1])


def test_positions_are_found():
    data = block((9, 9), aberrations={"defocus": 80.0}, jitter=0.01)
    truth = data.attrs["metadata"]["truth"]
    found = reconstruct_ptychography(
        data, method="lsqml", aberrations={"defocus": 80.0}, max_steps=25, refine_positions=True
    )
    for name, start in (
        ("position_y", data["y"].values[:, None]),
        ("position_x", data["x"].values),
    ):
        before = np.std(start - np.array(truth[name]))
        after = np.std(found[name].values - np.array(truth[name]))
        assert before == pytest.approx(0.01, rel=0.4)
        assert after < 0.15 * before
    assert found["position_y"].attrs["units"] == "nm"


def test_modes_take_up_the_size_of_the_source():
    data = block((8, 8), aberrations=DEFOCUS, source_size=0.025)
    made = [
        reconstruct_ptychography(
            data, method="lsqml", aberrations=DEFOCUS, max_steps=15, modes=modes, tolerance=0.0
        )
        for modes in (1, 3)
    ]
    one, three = (float(each["error"][-1]) for each in made)
    assert three < 0.75 * one
    powers = (abs(made[1]["probe"]) ** 2).sum(["probe_y", "probe_x"]).values
    assert powers[0] > 0.8
    assert (np.diff(powers) <= 0).all()


def test_electrons_that_are_counted_make_it_worse_by_degrees():
    errors = []
    for counts in (300000, 30000):
        data = block((12, 12), aberrations=DEFOCUS, counts=counts)
        found = reconstruct_ptychography(
            data, method="gradient", aberrations=DEFOCUS, max_steps=10, resolution=0.1
        )
        errors.append(error_of(data, found))
    assert errors[0] < 0.2
    assert errors[1] < 0.4


def test_a_reconstruction_goes_on_where_it_ended():
    data = block((6, 6))
    options = {"method": "lsqml", "tolerance": 0.0, "precision": "double"}
    half = reconstruct_ptychography(data, **options, max_steps=4)
    more = reconstruct_ptychography(data, **options, max_steps=4, start=half)
    assert more.sizes["step"] == 8
    np.testing.assert_array_equal(more["error"][:4], half["error"])
    assert float(more["error"][4]) < float(half["error"][3])
    with pytest.raises(DataError, match="start is of another scan"):
        reconstruct_ptychography(block((6, 7)), **options, start=half)
    with pytest.raises(DataError, match="start must be the Dataset"):
        reconstruct_ptychography(data, **options, start=half[["phase"]])


def test_the_seed_decides_and_who_watches_may_end_it():
    data, seen = block((5, 5)), []

    def watch(step, error):
        seen.append((step, error))
        return step == 2

    options = {"method": "epie", "max_steps": 6, "tolerance": 0.0}
    stopped = reconstruct_ptychography(data, **options, watch=watch)
    assert [step for step, _ in seen] == [0, 1, 2]
    assert np.isnan(stopped["error"][3:]).all()
    again = reconstruct_ptychography(data, **options)
    np.testing.assert_array_equal(again["error"][:3], stopped["error"][:3])
    other = reconstruct_ptychography(data, **options, rng=1)
    assert float(other["error"][2]) != float(again["error"][2])


def test_what_an_object_is_held_to():
    data = block((6, 6))
    options = {"method": "gradient", "max_steps": 4}
    phase = reconstruct_ptychography(data, **options, object_type="phase")
    np.testing.assert_allclose(phase["amplitude"], 1.0, atol=1e-5)
    positive = reconstruct_ptychography(data, **options, positive=True)
    assert float(np.angle(positive["object"]).min()) > -1e-5


@pytest.mark.parametrize("turn", [1.0, np.exp(0.7j)])
@pytest.mark.parametrize("axis", [0, 1])
def test_total_variation_takes_off_steps_what_their_sides_share(axis, turn):
    """A step between m and n pixels in a row: both sides move by the weight over their pixels."""
    step = np.zeros((4, 9), complex)
    step[:, 5:] = 0.8 * turn
    expected = np.zeros((4, 9), complex)
    expected[:, :5], expected[:, 5:] = 0.1 / 5 * turn, (0.8 - 0.1 / 4) * turn
    given = step if axis else step.T.copy()
    made = flattened(given[None], 0.1, np, steps=3000)[0]
    np.testing.assert_allclose(made if axis else made.T, expected, atol=2e-4)
    kept = flattened(np.full((5, 6), 1j), 0.3, np)
    np.testing.assert_allclose(kept, 1j)


def test_total_variation_is_least_together_with_the_distance():
    rng = np.random.default_rng(0)
    given = rng.normal(size=(6, 7)) + 1j * rng.normal(size=(6, 7))

    def cost(values):
        sides = [np.diff(values, axis=n, append=values.take([-1], n)) for n in (0, 1)]
        total = np.sqrt(np.abs(sides[0]) ** 2 + np.abs(sides[1]) ** 2).sum()
        return 0.5 * (np.abs(values - given) ** 2).sum() + 0.4 * total

    made = flattened(given, 0.4, np, steps=3000)
    for size in (1e-3, 1e-2, 0.1):
        for _ in range(20):
            away = rng.normal(size=(6, 7)) + 1j * rng.normal(size=(6, 7))
            assert cost(made) <= cost(made + size * away) + 1e-6
    assert cost(flattened(given, 0.4, np)) < cost(made) + 0.01 * cost(given)


def patchwork(dose, rng=0):
    """Return a scan of squares of even phase with a pixel of the object, and that phase."""
    data = block((14, 14), 32, sampling=1 / (32 * 0.8) * 2, aberrations=DEFOCUS, phase=1e-9)
    size = 32 + 2 * 13
    y, x = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    phase = 0.4 * (((y // 8) + (x // 8)) % 2)
    k = 0.8 * (np.arange(32) - 16)
    square = k[:, None] ** 2 + k**2
    aperture = (square <= (0.020 / 0.0025079) ** 2) * np.exp(1j * np.pi * 0.0025079 * 6.0 * square)
    probe = scipy.fft.fftshift(scipy.fft.ifft2(scipy.fft.ifftshift(aperture)))
    probe /= np.sqrt((np.abs(probe) ** 2).sum())
    values = np.empty(data.shape)
    for i, j in np.ndindex(14, 14):
        wave = probe * np.exp(1j * phase[2 * i : 2 * i + 32, 2 * j : 2 * j + 32])
        values[i, j] = scipy.fft.fftshift(np.abs(scipy.fft.fft2(wave, norm="ortho")) ** 2)
    counts = np.random.default_rng(rng).poisson(dose * values).astype(np.float64)
    return data.copy(data=counts).assign_attrs(data.attrs, units="counts"), phase[16:-16, 16:-16]


@pytest.mark.parametrize(("dose", "most", "gain"), [(3e3, 0.032, 0.85), (3e4, 0.009, 0.7)])
def test_total_variation_flattens_noise_and_keeps_edges(dose, most, gain):
    data, truth = patchwork(dose)
    inside = (slice(len(truth)), slice(len(truth)))
    options = {
        "method": "lsqml", "max_steps": 30, "aberrations": DEFOCUS, "refine_probe": False,
        "tolerance": 0.0,
    }  # fmt: skip
    away = {}
    for weight in (0.0, 0.003):
        found = reconstruct_ptychography(data, **options, total_variation=weight)["phase"]
        seen = found.values[inside]
        away[weight] = np.std(seen - truth)
        assert seen[truth > 0].mean() - seen[truth == 0].mean() == pytest.approx(0.4, rel=0.1)
    assert away[0.003] < most
    assert away[0.003] < gain * away[0.0]


def test_pixels_that_are_not_known_are_left_out():
    data = block((8, 8), aberrations=DEFOCUS)
    spoilt = data.copy()
    spoilt[:, :, 12, 14] = np.nan
    spoilt[3, 4] = np.nan
    found = reconstruct_ptychography(spoilt, method="lsqml", aberrations=DEFOCUS, max_steps=15)
    assert error_of(data, found) < 0.1


@pytest.mark.parametrize("method", ["ssb", "matched", "wdd"])
def test_closed_forms_do_without_pixels_and_patterns_that_are_not_known(method):
    data = block((16, 16), sampling=0.05, phase=0.1)
    spoilt = data.copy()
    spoilt[:, :, 12, 14] = np.nan
    spoilt[3, 4] = np.nan
    found = reconstruct_ptychography(spoilt, method=method)
    assert error_of(data, found) < 0.35


@pytest.mark.parametrize("angle", [10.0, 14.0, 26.0])
def test_a_disc_that_is_not_as_large_as_the_angle_says_is_warned_of(angle):
    data = block((8, 8))
    for call in (reconstruct_ptychography, reconstruct_parallax):
        with pytest.warns(MetadataWarning, match=f"is 19.9 mrad, but the .* is {angle:g} mrad"):
            call(data, convergence_angle=angle)


def test_every_array_goes_through_the_library_that_was_given():
    class Counting:
        def __init__(self):
            self.calls = 0

        def __getattr__(self, name):
            if name in {"fft2", "ifft2"}:
                self.calls += 1
            return getattr(scipy.fft, name)

    counting = Counting()
    data = block((3, 4), sampling=1 / (32 * 0.8) * 2)
    options = {"method": "epie", "max_steps": 2, "tolerance": 0.0, "refine_probe": False}
    found = reconstruct_ptychography(data, **options, arrays=Arrays(np, counting))
    # Forth and back at each position, nothing else: positions are on pixels.
    assert counting.calls == 2 * 2 * 12
    np.testing.assert_array_equal(
        found["error"], reconstruct_ptychography(data, **options)["error"]
    )


def test_patterns_in_angles_and_axes_that_descend_are_the_same():
    data = block((5, 6))
    options = {"method": "lsqml", "max_steps": 3, "precision": "double"}
    expected = reconstruct_ptychography(data, **options)["phase"]
    turned = data.isel(ky=slice(None, None, -1), kx=slice(None, None, -1))
    found = reconstruct_ptychography(turned, **options)["phase"]
    np.testing.assert_allclose(found, expected, atol=2e-3)
    micrometres = convert_units(convert_units(data, "Å", dim="y"), "Å", dim="x")
    found = reconstruct_ptychography(micrometres, **options)["phase"]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found["y"], 10 * expected["y"])


@pytest.mark.parametrize("pixels", [24, 25])
@pytest.mark.parametrize("shape", [(8, 10), (7, 9)])
def test_wigner_deconvolution_does_not_ask_from_which_end_axes_are_listed(shape, pixels):
    """The highest frequency of an even number has either sign."""
    data = block(shape, pixels, aberrations={"defocus": 40.0}, rotation=20.0, flip=True)
    options = {
        "method": "wdd", "aberrations": {"defocus": 40.0}, "rotation": 20.0, "flip": True,
        "centre": (0.0, 0.0),
    }  # fmt: skip
    expected = reconstruct_ptychography(data, **options)
    for dim in data.dims:
        turned = data.isel({dim: slice(None, None, -1)})
        found = reconstruct_ptychography(turned, **options).sortby(["y", "x"])
        np.testing.assert_allclose(found["phase"], expected["phase"], atol=1e-9)
        np.testing.assert_allclose(found["amplitude"], expected["amplitude"], atol=1e-9)


def without(data, name):
    beam = {key: value for key, value in data.attrs["metadata"]["beam"].items() if key != name}
    return data.assign_attrs(metadata={**data.attrs["metadata"], "beam": beam})


def test_what_is_not_known_is_named():
    data = block((4, 4))
    with pytest.raises(DataError, match=r"set data.attrs\['metadata'\]\['beam'\]\['voltage'\]"):
        reconstruct_ptychography(without(data, "voltage"))
    with pytest.raises(DataError, match="pass convergence_angle= in mrad"):
        reconstruct_ptychography(without(data, "convergence_angle"))
    bare = data.copy()
    bare["y"] = bare["y"].drop_attrs()
    with pytest.raises(DataError, match="the step of the scan must be known"):
        reconstruct_ptychography(bare)
    bare = data.copy()
    bare["ky"] = bare["ky"].assign_attrs(units="1")
    with pytest.raises(DataError, match="same units"):
        reconstruct_ptychography(bare)


def test_what_cannot_be_is_refused():
    data = block((4, 4))
    with pytest.raises(DataError, match="1 points; at least 2 are needed"):
        reconstruct_ptychography(data.isel(y=slice(0, 1)), method="epie")
    with pytest.raises(DataError, match="larger than the detector"):
        reconstruct_ptychography(data, convergence_angle=60.0)
    with pytest.raises(DataError, match="Are ky and kx calibrated"):
        reconstruct_ptychography(data, convergence_angle=1.0)
    with pytest.raises(DataError, match="leaves the detector"):
        reconstruct_ptychography(data, centre=(8.0, 0.0))
    with pytest.raises(DataError, match="do not overlap"):
        reconstruct_ptychography(block((4, 4), sampling=0.4), method="epie")
    with pytest.raises(DataError, match="that pixels of the patterns resolve"):
        reconstruct_ptychography(data, method="epie", aberrations={"defocus": 400.0})
    with pytest.raises(DataError, match="method must be one of"):
        reconstruct_ptychography(data, method="dm")
    with pytest.raises(DataError, match="takes no start="):
        reconstruct_ptychography(data, start=data.to_dataset(name="object"))
    with pytest.raises(DataError, match="max_steps must be a whole number"):
        reconstruct_ptychography(data, method="epie", max_steps=0)
    with pytest.raises(DataError, match="resolution must be a positive length"):
        reconstruct_ptychography(data, method="epie", resolution=-1.0)
    with pytest.raises(DataError, match="total_variation must be an angle"):
        reconstruct_ptychography(data, method="epie", total_variation=-0.1)
    with pytest.raises(DataError, match="regularisation must be positive"):
        reconstruct_ptychography(data, regularisation=-1.0)
    with pytest.raises(DataError, match="takes no regularisation="):
        reconstruct_ptychography(data, method="obf", regularisation=0.1)
    with pytest.raises(DataError, match="unknown aberrations"):
        reconstruct_ptychography(data, aberrations={"blur": 1.0})


@pytest.mark.parametrize("method", ["ssb", "wdd", "lsqml"])
def test_patterns_without_a_beam_are_told(method):
    data = block((4, 4))
    dark = reconstruct_ptychography(data.copy(data=np.zeros(data.shape)), method=method)
    assert int(dark["status"]) == Status.NO_DATA
    assert np.isnan(dark["phase"]).all()
    # The disc is at the edge of the detector.
    away = reconstruct_ptychography(data.roll(ky=12), method=method)
    assert int(away["status"]) == Status.INVALID
    assert np.isnan(away["phase"]).all()


def counted(clean, dose, seed=1):
    """Return patterns of so many electrons each, in the mean."""
    mean = clean * (dose / float(clean.sum(("ky", "kx")).mean()))
    noisy = np.random.default_rng(seed).poisson(mean.values).astype(np.float64)
    return clean.copy(data=noisy).assign_attrs(clean.attrs | {"units": "counts"})


@pytest.mark.parametrize("method", ["lsqml", "gradient"])
@pytest.mark.parametrize(
    ("phase", "dose", "most", "gain"),
    [(0.5, 500, 0.55, 0.95), (0.5, 2000, 0.26, 0.5), (0.5, 1e5, 0.05, 0.5), (0.1, 1e5, 0.22, 0.5)],
)
def test_noise_is_not_fitted_whatever_the_dose(method, phase, dose, most, gain):
    """Of 2000 electrons, groups of positions leave an error of two thirds of the phase."""
    clean = block((14, 14), phase=phase, aberrations=DEFOCUS)
    data = counted(clean, dose)
    options = {"method": method, "aberrations": DEFOCUS}
    found = reconstruct_ptychography(data, **options)
    fitted = reconstruct_ptychography(data, dose=np.inf, **options)
    right = error_of(clean, found, 4)
    assert right < most
    assert right < gain * error_of(clean, fitted, 4)
    # What is lacked is what counting makes it, less what of it an object of so many pixels fits.
    ratio = float(found["error"].dropna("step")[-1] / found["expected_error"])
    assert 0.85 < ratio < 1.02
    assert np.isnan(float(fitted["expected_error"]))


def test_more_steps_do_not_bring_noise_back():
    clean = block((14, 14), phase=0.5, aberrations=DEFOCUS)
    data = counted(clean, 2000)
    few, many = (
        error_of(clean, reconstruct_ptychography(
            data, method="lsqml", aberrations=DEFOCUS, max_steps=steps, tolerance=0.0), 4)
        for steps in (25, 100)
    )  # fmt: skip
    assert many < 1.4 * few


def test_what_is_expected_of_noise_is_what_the_truth_lacks():
    """The sum of squares of the true amplitudes, over many draws."""
    from omniscopy.diffraction.ptychography.noise import variance_of_roots

    rng = np.random.default_rng(0)
    for mean in (0.01, 0.3, 1.7, 8.0, 29.0, 31.0, 500.0):
        counts = rng.poisson(mean, 200_000)
        drawn = np.mean((np.sqrt(counts) - np.sqrt(mean)) ** 2)
        assert float(variance_of_roots(np.array(mean))) == pytest.approx(drawn, rel=0.03)
    clean = block((10, 10), aberrations=DEFOCUS)
    data = counted(clean, 3000)
    found = reconstruct_ptychography(data, method="lsqml", aberrations=DEFOCUS, max_steps=1)
    truth = clean * (3000 / float(clean.sum(("ky", "kx")).mean()))
    lacked = ((data**0.5 - truth**0.5) ** 2).sum() / data.sum()
    assert float(found["expected_error"]) == pytest.approx(float(lacked), rel=0.05)


def test_the_dose_tells_the_noise_of_other_units():
    clean = block((12, 12), phase=0.5, aberrations=DEFOCUS)
    data = counted(clean, 2000)
    # A camera that gives 37.5 for an electron.
    scaled = (37.5 * data).assign_attrs(data.attrs | {"units": "1"})
    options = {"method": "lsqml", "aberrations": DEFOCUS, "max_steps": 12}
    plain = reconstruct_ptychography(data, **options)
    dose = float(data.sum(("ky", "kx")).mean())
    told = reconstruct_ptychography(scaled, dose=dose, **options)
    np.testing.assert_allclose(told["phase"], plain["phase"], atol=2e-3)
    assert np.isnan(float(reconstruct_ptychography(scaled, **options)["expected_error"]))
    with pytest.raises(DataError, match="dose must be a positive number"):
        reconstruct_ptychography(data, dose=0.0, **options)


@pytest.mark.parametrize("extra", [
    {"modes": 2}, {"slices": 2, "thickness": 5.0}, {"refine_positions": True},
    {"object_type": "phase"}, {"refine_probe": False}, {"resolution": 0.08},
])  # fmt: skip
def test_noise_is_not_fitted_by_what_else_is_refined(extra):
    clean = block((12, 12), phase=0.5, aberrations=DEFOCUS)
    data = counted(clean, 2e4)
    found = reconstruct_ptychography(data, method="lsqml", aberrations=DEFOCUS, **extra)
    assert error_of(clean, found, 4) < 0.2
    assert int(found["status"]) in {Status.CONVERGED, Status.MAX_STEPS}
