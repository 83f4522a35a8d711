"""Strain by geometric phase analysis."""

import numpy as np
import pytest
import xarray as xr

from omniscopy.image import fit_gpa
from omniscopy.model import DataError, Status, coordinate

G1, G2 = (2.5, 0.0), (0.0, 2.0)
STEP_Y, STEP_X = 0.05, 0.06


def lattice(displacement=None, *, shape=(150, 121), g1=G1, g2=G2, noise=0.0, rng=0, phase=0.4):
    """Return two waves that are moved by displacement(y, x) -> (u_y, u_x), in nm."""
    y = 3.0 + STEP_Y * np.arange(shape[0])[:, None] + np.zeros(shape)
    x = -1.0 + STEP_X * np.arange(shape[1]) + np.zeros(shape)
    u_y, u_x = displacement(y, x) if displacement else (0.0, 0.0)
    values = sum(
        3.0 * np.cos(2 * np.pi * (g[0] * (y - u_y) + g[1] * (x - u_x)) + phase) for g in (g1, g2)
    )
    values = 50.0 + values + noise * np.random.default_rng(rng).standard_normal(shape)
    coords = {"y": coordinate("y", y[:, 0], "nm"), "x": coordinate("x", x[0], "nm")}
    return xr.DataArray(values, coords, dims=("y", "x"), attrs={"units": "V"})


def inner(strain, margin=1.6):
    y, x = strain["y"], strain["x"]
    return strain.sel(
        y=slice(float(y[0]) + margin, float(y[-1]) - margin),
        x=slice(float(x[0]) + margin, float(x[-1]) - margin),
    )


def gradient(f):
    """Return displacements in the deformed image of a uniform deformation F."""
    back = np.eye(2) - np.linalg.inv(np.asarray(f))
    return lambda y, x: (back[0, 0] * y + back[0, 1] * x, back[1, 0] * y + back[1, 1] * x)


def test_an_ideal_lattice_has_no_strain_and_its_vectors_are_measured():
    found = fit_gpa(lattice(g1=(2.53, 0.07), g2=(-0.05, 1.96)), G1, G2, resolution=1.2)
    for name, value in (("g1_y", 2.53), ("g1_x", 0.07), ("g2_y", -0.05), ("g2_x", 1.96)):
        assert float(found[name]) == pytest.approx(value, abs=2e-4)
        assert found[name].attrs["units"] == "1/nm"
    for name in ("strain_yy", "strain_xx", "strain_xy"):
        assert abs(inner(found)[name]).max() < 2e-4
    centred = fit_gpa(lattice(), G1, G2, resolution=1.2)
    assert float(inner(centred)["amplitude_1"].mean()) == pytest.approx(3.0, rel=1e-3)
    assert found["amplitude_1"].attrs["units"] == "V"


@pytest.mark.parametrize("finite", [False, True])
def test_a_uniform_deformation_is_found_against_a_reference_that_is_told(finite):
    turn = np.deg2rad(0.9)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    # As (y, x): a vector along +x turns towards +y.
    f = rotation.T.copy()
    f[0, 1], f[1, 0] = np.sin(turn), -np.sin(turn)
    f = f @ np.array([[1.02, 0.005], [0.005, 0.985]])
    back = gradient(f)

    def displacement(y, x):
        u_y, u_x = back(y, x - 3.0)
        right = x > 3.0
        return np.where(right, u_y, 0.0), np.where(right, u_x, 0.0)

    image = lattice(displacement, shape=(160, 180))
    found = fit_gpa(image, G1, G2, resolution=1.0, reference={"x": slice(-0.5, 1.5)}, finite=finite)
    part = inner(found, 1.3).sel(x=slice(4.3, 8.6)).median()
    # The rotation in the corner of D = F; rows and columns are (y, x).
    if finite:
        strain, angle = (f.T @ f - np.eye(2)) / 2, np.arctan2(f[0, 1] - f[1, 0], np.trace(f))
    else:
        strain, angle = (f + f.T) / 2 - np.eye(2), (f[0, 1] - f[1, 0]) / 2
    assert float(part["strain_yy"]) == pytest.approx(strain[0, 0], abs=1e-4)
    assert float(part["strain_xx"]) == pytest.approx(strain[1, 1], abs=1e-4)
    assert float(part["strain_xy"]) == pytest.approx(strain[0, 1], abs=1e-4)
    assert float(part["rotation"]) == pytest.approx(np.rad2deg(angle), abs=0.01)
    assert float(part["rotation"]) == pytest.approx(0.9, abs=0.05)
    assert found["rotation"].attrs["units"] == "deg"


def test_the_displacement_is_that_of_the_planes_beyond_a_turn_of_the_phase():
    def displacement(y, x):
        return 0.3 * np.exp(-(((x - 6) / 2) ** 2)), -0.35 * np.exp(-(((y - 10) / 2) ** 2))

    image = lattice(displacement, shape=(260, 240))
    found = fit_gpa(image, G1, G2, resolution=0.9, reference={"y": slice(4, 5), "x": slice(0, 1)})
    u_y, u_x = displacement(image["y"], image["x"])
    for name, truth in (("displacement_y", u_y), ("displacement_x", u_x)):
        assert float(abs(inner(found)[name] - truth).max()) < 0.02
        assert float(abs(truth).max()) > 0.25
    assert found["displacement_y"].attrs["units"] == "nm"
    # What deforms is the derivative of what moves.
    shear = inner(found.differentiate("x"))["displacement_y"]
    rotation = np.deg2rad(inner(found)["rotation"])
    whole = inner(found)["strain_xy"] + rotation
    assert float(abs(shear - whole).max()) < 6e-3
    assert float(abs(shear).max()) > 0.1


def test_strain_is_not_biased_towards_edges_and_gaps():
    f = np.array([[1.01, 0.0], [0.0, 1.01]])
    turns = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    images = xr.concat([lattice(gradient(f), phase=turn) for turn in turns], "frame")
    images = images.assign_coords(frame=coordinate("frame", np.arange(8), "1"))
    images[:, 70:80, 50:60] = np.nan
    found = fit_gpa(images, G1, G2, resolution=1.2, reference={"y": slice(5, 6), "x": slice(0, 1)})
    # Other waves leak in, with a phase that depends on where the image begins.
    mean = found["strain_xx"].mean("frame")
    assert abs(mean.values[75, [0, 3, 30, 48, 61, 120]]).max() < 1e-3
    assert abs(mean.values[[0, 3, 30, 69, 81, 149], 55]).max() < 1e-3
    status = found["status"][0].values
    assert status[75, 55] == Status.NO_DATA
    assert np.isnan(mean.values[75, 55])
    assert status[0, 0] == Status.AT_BOUND
    assert status[40, 30] == Status.CONVERGED


def test_the_reported_spread_is_the_scatter():
    images = xr.concat([lattice(noise=2.0, rng=n) for n in range(60)], "frame")
    images = images.assign_coords(frame=coordinate("frame", np.arange(60), "1"))
    found = inner(fit_gpa(images, G1, G2, resolution=1.0), 1.3)
    for name in ("strain_yy", "strain_xx", "strain_xy", "rotation"):
        scatter = float(np.sqrt((found[name].var("frame")).mean()))
        said = float(np.sqrt((found[f"{name}_std"] ** 2).mean()))
        assert said == pytest.approx(scatter, rel=0.08), name
        assert abs(float(found[name].mean())) < 0.1 * scatter
    # The reference, which is the whole image, has no displacement on average and no slope: the
    # finer the resolution is, the less of the scatter that takes.
    fine = inner(fit_gpa(images, G1, G2, resolution=0.6), 1.0)
    for name in ("displacement_y", "displacement_x"):
        scatter = float(np.sqrt((fine[name].var("frame")).mean()))
        said = float(np.sqrt((fine[f"{name}_std"] ** 2).mean()))
        assert said == pytest.approx(scatter, rel=0.06), name
        assert fine[f"{name}_std"].attrs["units"] == "nm"


def test_vectors_are_found_without_being_given():
    image = lattice(g1=(2.4, 0.3), g2=(-0.2, 2.1), noise=1.0)
    found = fit_gpa(image)
    measured = {
        (round(float(found[f"g{n}_y"]), 1), round(float(found[f"g{n}_x"]), 1)) for n in (1, 2)
    }
    assert measured in ({(2.4, 0.3), (-0.2, 2.1)}, {(2.4, 0.3), (0.2, -2.1)})


def test_noise_and_a_single_wave_have_no_strain():
    flat = lattice() * 0 + 1.0
    assert (fit_gpa(flat)["status"] == Status.INVALID).all()
    single = lattice(g2=G1)
    found = fit_gpa(single)
    assert (found["status"] == Status.INVALID).all()
    assert found["strain_xx"].isnull().all()
    nothing = fit_gpa(lattice() * np.nan, G1, G2)
    assert (nothing["status"] == Status.NO_DATA).all()


def test_where_a_wave_ends_there_is_no_strain():
    image = lattice(shape=(150, 200))
    image[:, 120:] = 50.0
    found = fit_gpa(image, G1, G2, resolution=0.8, reference={"x": slice(0, 5)})
    assert (found["status"][:, 150:] == Status.INVALID).all()
    assert found["strain_yy"][:, 150:].isnull().all()
    assert (found["status"][40:110, 30:90] == Status.CONVERGED).all()


def test_descending_coordinates_and_other_orders_make_no_difference():
    def displacement(y, x):
        return 0.1 * np.sin(y), 0.05 * np.cos(x)

    image = lattice(displacement)
    expected = fit_gpa(image, G1, G2, reference={"x": slice(0, 3)})
    upside = fit_gpa(image[::-1].transpose("x", "y"), G1, G2, reference={"x": slice(0, 3)})
    back = upside.transpose("y", "x").isel(y=slice(None, None, -1))
    # The medians are those of other pixels of the reference.
    for name, away in (("strain_xx", 1e-3), ("strain_xy", 1e-3), ("displacement_y", 0.02)):
        np.testing.assert_allclose(back[name], expected[name], atol=away)


def plain_waves(image, vectors, sigma, steps):
    """Return both waves and their derivatives by whole transforms, without any padding."""
    k = [np.fft.fftfreq(size, step) for size, step in zip(image.shape, steps, strict=True)]
    spectrum = np.fft.fft2(image - image.mean())
    for g in vectors:
        distance = (k[0][:, None] - g[0]) ** 2 + (k[1] - g[1]) ** 2
        near = spectrum * np.exp(-2 * (np.pi * sigma) ** 2 * distance)
        slopes = 2j * np.pi * k[0][:, None], 2j * np.pi * k[1]
        yield [np.fft.ifft2(near * factor) for factor in (1.0, *slopes)]


@pytest.mark.parametrize("finite", [False, True])
@pytest.mark.parametrize("resolution", [0.45, 1.0, 2.0])
def test_maps_are_what_whole_transforms_and_matrices_say(finite, resolution):
    def displacement(y, x):
        return 0.06 * np.sin(1.3 * x + 0.4 * y), 0.05 * np.cos(0.9 * y)

    image = lattice(displacement, shape=(240, 230), noise=0.3)
    found = fit_gpa(image, G1, G2, resolution=resolution, finite=finite)
    vectors = np.array([[float(found[f"g{n}_{axis}"]) for axis in "yx"] for n in (1, 2)])
    sigma = resolution / np.sqrt(8 * np.log(2))
    waves = list(plain_waves(image.values, (G1, G2), sigma, (STEP_Y, STEP_X)))
    frequencies = [
        [(slope * value.conj()).imag / abs(value) ** 2 / (2 * np.pi) for slope in slopes]
        for value, *slopes in waves
    ]
    q = np.moveaxis(np.array(frequencies), (0, 1), (-2, -1))
    inverse = np.linalg.inv(q)
    d = inverse @ vectors
    if finite:
        strain = (np.swapaxes(d, -1, -2) @ d - np.eye(2)) / 2
        angle = np.arctan2(d[..., 0, 1] - d[..., 1, 0], np.trace(d, axis1=-2, axis2=-1))
    else:
        strain = (d + np.swapaxes(d, -1, -2)) / 2 - np.eye(2)
        angle = (d[..., 0, 1] - d[..., 1, 0]) / 2
    # Away from edges, where nothing is there to lean on.
    margin = int(2.6 * resolution / STEP_Y)
    middle = (slice(margin, -margin), slice(margin, -margin))
    expected = {
        "strain_yy": strain[..., 0, 0], "strain_xx": strain[..., 1, 1],
        "strain_xy": strain[..., 0, 1], "rotation": np.rad2deg(angle),
        "amplitude_1": 2 * abs(waves[0][0]), "amplitude_2": 2 * abs(waves[1][0]),
    }  # fmt: skip
    for name, plain in expected.items():
        close = 2e-5 * float(np.abs(plain[middle]).max())
        np.testing.assert_allclose(found[name].values[middle], plain[middle], atol=close)
    y, x = (found[dim].values[part] for dim, part in zip("yx", middle, strict=True))
    phases = [
        np.angle(value[middle] * np.exp(-2j * np.pi * (g[0] * y[:, None] + g[1] * x)))
        for (value, *_), g in zip(waves, vectors, strict=True)
    ]
    u = [found[f"displacement_{axis}"].values[middle] for axis in "yx"]
    for phase, g in zip(phases, vectors, strict=True):
        # The reference has none on average, so that a constant is left.
        turned = np.exp(1j * (phase + 2 * np.pi * (g[0] * u[0] + g[1] * u[1])))
        assert abs(turned.mean()) == pytest.approx(1.0, abs=1e-9)
    noise = np.sqrt([1 / abs(value) ** 2 for value, *_ in waves])[..., middle[0], middle[1]]
    ratio = np.sqrt((inverse[middle][..., 0, 0] * noise[0]) ** 2
                    + (inverse[middle][..., 0, 1] * noise[1]) ** 2)  # fmt: skip
    ratio = found["strain_yy_std"].values[middle] / ratio
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=1e-4)


def test_single_precision_and_stacks_change_nothing():
    images = xr.concat([lattice(noise=0.5, rng=n) for n in range(2)], "frame")
    images = images.assign_coords(frame=coordinate("frame", np.arange(2), "1"))
    double, single = fit_gpa(images, G1, G2), fit_gpa(images.astype(np.float32), G1, G2)
    assert single["strain_xx"].dtype == np.float32
    for name in ("strain_yy", "strain_xy", "rotation", "displacement_x", "strain_xx_std"):
        size = float(abs(double[name]).max())
        np.testing.assert_allclose(single[name], double[name], atol=3e-5 * size)
    alone = fit_gpa(images[1], G1, G2)
    np.testing.assert_array_equal(alone["strain_xy"], double["strain_xy"][1])


def test_waves_are_found_at_edges_whatever_the_grid_of_the_spectrum_is():
    """What an edge cuts off draws frequencies towards the middle of the filter, not the pixel."""
    f = np.array([[1.015, 0.0], [0.0, 1.015]])
    turns = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    for size in (120, 121, 123, 127):
        images = xr.concat(
            [lattice(gradient(f), shape=(150, size), phase=turn) for turn in turns], "frame"
        )
        images = images.assign_coords(frame=coordinate("frame", np.arange(8), "1"))
        found = fit_gpa(images, G1, G2, resolution=1.2)
        mean = found["strain_xx"].mean("frame")
        assert abs(mean.values[75, [0, 2, 5, -6, -3, -1]]).max() < 1e-3


def test_whirls_are_gone_around():
    """A dislocation adds a half-plane: one turn of the phase around it, none of it elsewhere."""
    image = lattice(shape=(200, 190))
    y, x = (image[dim] - float(image[dim].mean()) for dim in ("y", "x"))
    angle = np.arctan2(y, x).transpose("y", "x")
    wave = 3.0 * np.cos(2 * np.pi * G1[0] * image["y"] + angle)
    image = image * 0 + wave + 3.0 * np.cos(2 * np.pi * G2[1] * image["x"])
    found = fit_gpa(image.assign_attrs(units="V"), G1, G2, resolution=0.8)
    u = found["displacement_y"].values[50:150, 45:145]
    around = np.concatenate([u[0], u[1:, -1], u[-1, -2::-1], u[-2::-1, 0]])
    steps = np.diff(around)
    cuts = abs(steps) > 0.5 / G1[0]
    assert cuts.sum() == 1
    assert abs(steps[cuts])[0] == pytest.approx(1 / G1[0], abs=0.02)
    assert abs(steps[~cuts].sum()) == pytest.approx(1 / G1[0], abs=0.02)
    assert abs(steps[~cuts]).max() < 0.02


@pytest.mark.shared
def test_the_strained_half_of_the_reference_set_is_found(shared):
    held = np.load(shared / "data" / "stem" / "gpa_synth_a.npz")
    axis = np.arange(512, dtype=float)
    image = xr.DataArray(
        held["image"],
        {"y": coordinate("y", axis, "px"), "x": coordinate("x", axis, "px")}, dims=("y", "x"),
    )  # fmt: skip
    g = 1 / float(held["period"])
    for vectors in (((g, 0.0), (0.0, g)), ()):
        found = fit_gpa(image, *vectors, reference={"x": slice(20, 200)})
        right = found.sel(x=slice(300, 490)).median()
        left = found.sel(x=slice(20, 200)).median()
        assert float(right["strain_xx"]) == pytest.approx(0.02, abs=2e-4)
        assert abs(float(left["strain_xx"])) < 1e-4
        for part in (left, right):
            assert abs(float(part["strain_yy"])) < 1e-4
            assert abs(float(part["strain_xy"])) < 1e-4
            assert abs(float(part["rotation"])) < 0.02


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"g1": G1}, "give both g1 and g2"),
        ({"g1": G1, "g2": (5.0, 0.0)}, "parallel"),
        ({"g1": (60.0, 0.0), "g2": G2}, "half of the sampling frequency"),
        ({"g1": (np.nan, 0.0), "g2": G2}, "must be"),
        ({"g1": G1, "g2": G2, "resolution": 0.2}, "too fine"),
        ({"g1": G1, "g2": G2, "resolution": -1.0}, "resolution must be above 0"),
        ({"g1": G1, "g2": G2, "reference": {"z": 1}}, "'z' is not one of"),
        ({"g1": G1, "g2": G2, "reference": {"x": slice(50, 60)}}, "holds no pixel"),
        ({"g1": G1, "g2": G2, "reference": {"x": 0.333}}, "no such label"),
        ({"g1": G1, "g2": G2, "min_amplitude": 1.0}, "min_amplitude"),
    ],
)
def test_what_cannot_be_asked_is_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        fit_gpa(lattice(), **arguments)


def test_coordinates_in_two_units_are_refused():
    image = lattice()
    image.coords["x"].attrs["units"] = "µm"
    with pytest.raises(DataError, match="same units"):
        fit_gpa(image, G1, G2)
