"""
Probes and their aberrations
============================

The intensity of a focused probe: as good as diffraction allows, and with defocus and coma.
"""

import matplotlib.pyplot as plt

import omniscopy as om

beam = {"voltage": 200e3, "convergence_angle": 20.0, "size": 12.0, "sampling": 0.1}
lenses = {"perfect": {}, "defocus 100 Å": {"defocus": 100.0}, "spherical 20 µm": {"Cs": 2e5}}
probes = {
    name: om.simulate.probe(aberrations=lens, **beam)["intensity"] for name, lens in lenses.items()
}

figure, axes = plt.subplots(1, 3, figsize=(11.0, 3.3), layout="constrained", sharey=True)
for axis, (name, probe) in zip(axes, probes.items(), strict=True):
    (probe**0.5).plot(ax=axis, cmap="magma", add_colorbar=False)
    axis.set(title=name, xlabel="x (Å)", ylabel="", xlim=(2, 10), ylim=(10, 2), aspect="equal")
label = axes[0].set_ylabel("y (Å)")
