"""
Phases of a map of X-rays
=========================

Two materials are told apart by their spectra.
"""

import matplotlib.pyplot as plt
from matplotlib.colors import ListedColormap

import omniscopy as om

data = om.samples.eds_map()
phases = om.eds.find_phases(data, 2, rng=0)

figure, axes = plt.subplots(1, 2, figsize=(10.0, 3.5), layout="constrained")
colours = ListedColormap(["C0", "C1"])  # those of the curves
phases["label"].plot(ax=axes[0], yincrease=False, add_colorbar=False, cmap=colours)
axes[0].set(title="phases", xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
for number in range(2):
    spectrum = data.where(phases["label"] == number).mean(("y", "x"))
    axes[1].semilogy(data["energy"], spectrum + 0.1, label=f"phase {number}")
axes[1].set(title="mean spectra", xlabel="energy (keV)", ylabel="counts", xlim=(0.2, 12.0))
legend = axes[1].legend()
