"""The work that is compared, done by HyperSpy and eXSpy."""

import hyperspy.api as hs
import numpy as np
from jobs import Arrays, main

hs.preferences.General.show_progressbar = False


def spectra(data: Arrays, kind: str = "", axis: str = "energy", units: str = "eV"):
    signal = hs.signals.Signal1D(data["values"])
    if kind:
        signal.set_signal_type(kind)
    along = signal.axes_manager[-1]
    along.offset, along.scale = data[axis][0], data[axis][1] - data[axis][0]
    along.units = units
    return signal


def pixels(data: Arrays) -> int:
    return data["values"][..., 0].size


def few(data: Arrays, count: int) -> Arrays:
    """Return the data with the first `count` by `count` spectra alone."""
    return data | {name: data[name][:count, :count] for name in ("values", "low") if name in data}


def multifit(data: Arrays):
    data = few(data, 8)
    signal = spectra(data)

    def work():
        model = signal.create_model()
        power, peak = hs.model.components1D.PowerLaw(), hs.model.components1D.Gaussian()
        model.extend([power, peak])
        power.estimate_parameters(signal, 305.0, 480.0, only_current=False)
        peak.centre.value, peak.sigma.value, peak.A.value = 540.0, 8.0, 3e4
        model.assign_current_values_to_all(components_list=[peak])
        model.multifit(iterpath="serpentine", show_progressbar=False)
        return power, peak

    def answer(made):
        power, peak = made
        return {"centre": peak.centre.map["values"], "exponent": power.r.map["values"]}

    return work, pixels(data), answer


def background(data: Arrays, *, fast: bool):
    signal = spectra(data)
    window = tuple(float(end) for end in data["window"])

    def work():
        return signal.remove_background(
            signal_range=window, background_type="PowerLaw", fast=fast, show_progressbar=False
        )

    return work, pixels(data), lambda made: {"signal": made.data}


def background_fast(data: Arrays):
    return background(data, fast=True)


def background_fit(data: Arrays):
    return background(few(data, 12), fast=False)


def edges(data: Arrays):
    data = few(data, 4)
    signal = spectra(data, "EELS")
    low = spectra(data | {"values": data["low"]}, "EELS", "low_energy")
    for each in (signal, low):
        each.set_microscope_parameters(beam_energy=200, convergence_angle=10, collection_angle=20)
    signal.add_elements(["Ti", "O"])

    def work():
        model = signal.create_model(low_loss=low, GOS="hydrogenic")
        model.multifit(kind="smart", show_progressbar=False)
        return model

    def answer(model):
        found = {part.name: part for part in model}
        values = [found[name].intensity.map["values"] for name in ("Ti_L3", "O_K")]
        return {"ratio": values[0] / values[1]}

    return work, pixels(data), answer


def eds_lines(data: Arrays):
    signal = spectra(data, "EDS_TEM", units="keV")
    signal.set_microscope_parameters(beam_energy=200)
    signal.add_elements([str(each) for each in data["elements"]])
    signal.add_lines()

    def work():
        model = signal.create_model(auto_background=True, auto_add_lines=True)
        model.set_parameters_not_free(only_nonlinear=True)
        model.multifit(optimizer="lstsq", show_progressbar=False)
        return model

    def answer(model):
        made = model.get_lines_intensity()
        names = [each.metadata.Sample.xray_lines[0] for each in made]
        return {"intensity": [float(np.mean(each.data)) for each in made], "names": names}

    return work, pixels(data), answer


def binned(data: Arrays):
    signal = spectra(data)

    def work():
        return signal.rebin(scale=(2, 2, 4))

    return work, pixels(data), lambda made: {"sums": made.data}


JOBS = {
    job.__name__: job
    for job in (multifit, background_fast, background_fit, edges, eds_lines, binned)
}

if __name__ == "__main__":
    main(JOBS, ("hyperspy", "exspy"))
