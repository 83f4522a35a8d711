"""
Elements from core losses
=========================

Background and edges are fitted at once, and give atoms per area.
"""

import matplotlib.pyplot as plt

import omniscopy as om

core = om.samples.core_loss()
found = om.eels.quantify(core, ["Ti", "O"])
edges = om.eels.subtract_background(core, (380.0, 445.0))
print(found["areal_density"].mean(("y", "x")).values, "atoms per nm²")

figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained")
core[0, 0].plot(ax=axes[0], label="measured")
edges[0, 0].plot(ax=axes[0], label="without background")
axes[0].set(title="core losses", ylabel="counts")
axes[0].legend()
for element in found["element"].values:
    density = found["areal_density"].sel(element=element).values.ravel()
    std = found["areal_density_std"].sel(element=element).values.ravel()
    axes[1].errorbar(range(density.size), density, std, fmt="o", label=str(element))
axes[1].set(title="areal density", xlabel="pixel", ylabel="atoms (1/nm²)", ylim=(0.0, None))
legend = axes[1].legend()
