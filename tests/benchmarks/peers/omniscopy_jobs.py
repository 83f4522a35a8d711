"""The work that is compared, done by this package."""

import numpy as np
import xarray as xr
from jobs import Arrays, main

import omniscopy as om
from omniscopy.model import coordinate

UNITS = {"y": "nm", "x": "nm", "ky": "1/nm", "kx": "1/nm", "energy_loss": "eV", "energy": "keV",
         "frame": "1", "point": "1", "time": "s", "bias": "V", "frequency": "Hz"}  # fmt: skip


def labelled(values, dims, units="counts", **axes):
    """Return values with coordinates, in steps of one from zero where nothing else is said."""
    coords = {
        dim: coordinate(dim, axes.get(dim, np.arange(float(size))), UNITS[dim])
        for dim, size in zip(dims, values.shape, strict=True)
    }
    return xr.DataArray(values, coords, dims=dims, attrs={"units": units})


def spectra(data):
    return labelled(data["values"], ("y", "x", "energy_loss"), energy_loss=data["energy"])


def patterns(data):
    values = data["values"]
    middle = [np.arange(n) - (n - 1) / 2 for n in values.shape[2:]]
    return labelled(values, ("y", "x", "ky", "kx"), ky=middle[0], kx=middle[1])


def pixels(data):
    return data["values"][..., 0].size


def image_of(data):
    return labelled(data["values"].astype(float), ("y", "x"), "1")


def places_of(found):
    return {"places": np.stack([found["y"], found["x"]], axis=1)}


def multifit(data: Arrays):
    from omniscopy.signal import Gaussian, PowerLaw, fit_model

    cube = spectra(data)
    model = PowerLaw() + Gaussian()
    start = {"gaussian_amplitude": 1500.0, "gaussian_centre": 540.0, "gaussian_sigma": 8.0}

    def work():
        return fit_model(cube, model, start=start)

    def answer(found):
        return {"centre": found["gaussian_centre"], "exponent": found["power_law_exponent"]}

    return work, pixels(data), answer


def binned(data: Arrays):
    cube = spectra(data)

    def work():
        return om.signal.rebin(cube, {"y": 2, "x": 2, "energy_loss": 4})

    return work, pixels(data), lambda found: {"sums": found}


def background(data: Arrays, method: str):
    cube, window = spectra(data), tuple(data["window"])

    def work():
        return om.eels.subtract_background(cube, window, method=method)

    return work, pixels(data), lambda found: {"signal": found.transpose("y", "x", ...)}


def background_fast(data: Arrays):
    return background(data, "two_area")


def background_fit(data: Arrays):
    return background(data, "power_law")


def edges(data: Arrays):
    cube = spectra(data)
    low = labelled(data["low"], ("y", "x", "energy_loss"), energy_loss=data["low_energy"])

    def work():
        return om.eels.quantify(
            cube, ["Ti", "O"], low_loss=low, voltage=200e3, convergence_mrad=10.0,
            collection_mrad=20.0, cross_sections="hydrogenic",
        )  # fmt: skip

    def answer(found):
        ratio = found["areal_density"].sel(element="Ti") / found["areal_density"].sel(element="O")
        return {"ratio": ratio}

    return work, pixels(data), answer


def zero_loss(data: Arrays):
    cube = spectra(data)

    def work():
        return om.eels.fit_zero_loss(cube, model="pseudo_voigt")

    return work, pixels(data), lambda found: {"place": found["centre"]}


def eds_lines(data: Arrays):
    cube = labelled(data["values"], ("y", "x", "energy"), energy=data["energy"])
    elements = [str(each) for each in data["elements"]]

    def work():
        return om.eds.fit_lines(
            cube, elements, calibration=None, voltage=200e3, detector=om.eds.Detector()
        )

    def answer(found):
        return {
            "intensity": found["intensity"].mean(("y", "x")),
            "names": found["line"].astype(str),
        }

    return work, pixels(data), answer


def refine(data: Arrays):
    image = image_of(data)
    found = om.atoms.find_atoms(image)

    def work():
        return om.atoms.refine_atoms(image, found)

    return work, found.sizes["atom"], places_of


def gpa(data: Arrays):
    # In the precision it is stored in, as it is given to the other package; that works in double.
    image, period = labelled(data["values"], ("y", "x"), "1"), float(data["period"])
    left = slice(100, 350)

    def work():
        return om.image.fit_gpa(image, (1 / period, 0), (0, 1 / period), reference={"x": left})

    return work, 1, lambda found: {"strain_xx": found["strain_xx"]}


def register(data: Arrays):
    stack = labelled(data["values"], ("frame", "y", "x"), "1")

    def work():
        return om.image.register(stack)

    def answer(found):
        return {"shifts": np.stack([found["shift_y"], found["shift_x"]], axis=-1)}

    return work, 1, answer


def discs(data: Arrays):
    from omniscopy import diffraction

    cube = patterns(data)
    template = diffraction.make_template(cube, radius=float(data["radius"]))

    def work():
        return diffraction.find_discs(cube, template)

    def answer(found):
        strain = diffraction.measure_strain(
            diffraction.fit_lattice(found), {"x": slice(0, data["values"].shape[1] // 2 - 1)}
        )
        return {"strain": strain["strain_xx"]}

    return work, pixels(data) // data["values"].shape[2], answer


def reductions(data: Arrays):
    from omniscopy.diffraction import CentreOfMass, Disk, reduce

    cube = patterns(data)
    asked = {"disc": Disk(30.0, centre=(0.0, 0.0)), "com": CentreOfMass(), "mean": "mean"}

    def work():
        return reduce(cube, asked)

    def answer(found):
        names = {"disc": "disc", "com_y": "com_y", "com_x": "com_x", "mean": "mean"}
        return {key: found[name] for key, name in names.items()}

    return work, 1, answer


def orientations(data: Arrays):
    library = om.simulate.pattern_library("Al", voltage=200e3, step=1.41)
    cube = labelled(data["values"], ("y", "x", "ky", "kx"), ky=data["ky"], kx=data["kx"])

    def work():
        return om.diffraction.match_orientation(cube, library)

    return work, pixels(data) // data["values"].shape[2], lambda found: {"matrix": found["matrix"]}


def potential(data: Arrays):
    import ase

    atoms = ase.Atoms(data["numbers"], positions=data["positions"], cell=data["cell"], pbc=True)
    sizes = np.diag(data["cell"])
    settings = {
        "sampling": sizes[0] / int(data["pixels"]),
        "slice_thickness": sizes[2] / int(data["slices"]),
    }

    def work():
        return om.simulate.potential(atoms, **settings).compute()

    return work, 1, lambda found: {"values": found.values[:2]}


def slices_of(data: Arrays):
    """Return the given slices as a potential."""
    values = data["values"]
    thickness = float(data["depth"]) / len(values)
    pixels = float(data["size"]) / values.shape[1] * np.arange(values.shape[1])
    axes = {"z": thickness * np.arange(len(values)), "y": pixels, "x": pixels}
    coords = {dim: coordinate(dim, axis, "Å") for dim, axis in axes.items()}
    depths = np.full(len(values), thickness)
    coords["thickness"] = ("z", depths, {"units": "Å"})
    return xr.DataArray(values, coords, ("z", "y", "x"), attrs={"units": "V Å"})


def plane_wave(data: Arrays):
    sample = slices_of(data)

    def work():
        return om.simulate.multislice(sample, voltage=200e3)

    return work, 1, lambda found: {"values": np.abs(found.values) ** 2}


def scan(data: Arrays, window: float | None = None):
    sample = slices_of(data)
    cell = float(data["size"]) / 5

    def work():
        return om.simulate.stem(
            sample, voltage=200e3, convergence_angle=20.0, detectors={"haadf": (70.0, 180.0)},
            scan_start=(2 * cell, 2 * cell), scan_stop=(3 * cell, 3 * cell), scan_step=cell / 8,
            window=window,
        )  # fmt: skip

    return work, 64, lambda found: {"values": found["haadf"]}


def windows(data: Arrays):
    return scan(data, 3 * float(data["size"]) / 5)


def oscillators(data: Arrays):
    values = labelled(data["values"], ("point", "frequency"), "V", frequency=data["frequency"])

    def work():
        return om.spm.fit_oscillator(values)

    def answer(found):
        names = ("amplitude", "resonance_frequency", "quality_factor")
        return {"parameters": np.stack([found[name] for name in names], axis=1)}

    return work, len(data["values"]), answer


def loops(data: Arrays):
    values = labelled(data["values"], ("point", "bias"), "V", bias=data["bias"])

    def work():
        return om.spm.fit_loops(values)

    def answer(found):
        names = [f"a{n}" for n in range(5)] + [f"b{n}" for n in range(4)]
        return {"parameters": np.stack([found[name] for name in names], axis=1)}

    return work, len(data["values"]), answer


def inversion(data: Arrays):
    values = labelled(data["values"], ("point", "time"), "nA", time=data["time"])

    def work():
        return om.spm.invert_current_voltage(
            values, bias=data["bias"], frequency=float(data["rate"])
        )

    def answer(found):
        low = found["resistance"].sel(bias=[-5.0, -4.0, -3.0], method="nearest")
        return {"resistance": low.transpose("point", ...).values.reshape(low.sizes["point"], -1)}

    return work, len(data["values"]), answer


def transient(data: Arrays):
    values = labelled(data["values"], ("point", "time"), "m", time=data["time"])

    def work():
        followed = om.spm.instantaneous_frequency(
            values, trigger=float(data["trigger"]), drive_frequency=float(data["drive"]),
            window="blackman", bandwidth=5e3, taps=1499, step=20,
        )  # fmt: skip
        return om.spm.fit_first_peak(followed, duration=3e-4)

    def answer(found):
        return {"shift": found["frequency_shift"]}

    return work, len(data["values"]), answer


def deep_kernel(data: Arrays):
    def work():
        model = om.learn.DeepKernelGP().fit(data["x"], data["y"], progress=False)
        return model.predict(data["new"])

    return work, 1, lambda found: {"values": found["value"]}


JOBS = {
    job.__name__: job
    for job in (
        multifit, background_fast, background_fit, edges, zero_loss, eds_lines, refine, gpa,
        register, discs, reductions, orientations, potential, plane_wave, scan, windows,
        oscillators, loops, inversion, transient, deep_kernel, binned,
    )
}  # fmt: skip

if __name__ == "__main__":
    main(JOBS, ("omniscopy",))
