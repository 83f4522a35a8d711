"""
Elements from core losses
=========================

Background and edges are fitted at once, and give atoms per area.
"""

import matplotlib.pyplot as plt

import omniscopy as om

film = {"dispersion": 0.5, "electrons": 4e8, "t_over_lambda": 0.5}
low = om.eels.simulate_spectrum(channels=640, **film)
occupation = 0.5 + 0.5 * om.simulate.phase_map((4, 6))
density = {"Ti": 800.0, "O": 1600.0}
core = om.eels.simulate_spectrum(
    density, occupation=occupation, start=380.0, channels=520, background=4e4, **film
)
found = om.eels.quantify(core, ["Ti", "O"], low_loss=low)
edges = om.eels.subtract_background(core, (390.0, 445.0))
mean = found["areal_density"].mean(("y", "x"))
numbers = [f"{name} {float(mean.sel(element=name)):.0f}" for name in ("Ti", "O")]
print(", ".join(numbers), "atoms per nm²")

figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained")
for x in (0, 5):
    edges[0, x].plot(ax=axes[0], label=f"column {x}")
axes[0].set(title="edges without their background", xlabel="energy loss (eV)", ylabel="counts")
axes[0].legend()
for element in found["element"].values:
    number = found["areal_density"].sel(element=element)[0]
    std = found["areal_density_std"].sel(element=element)[0]
    axes[1].errorbar(core["x"], number, std, fmt="o", label=str(element))
axes[1].plot(core["x"], 800.0 * occupation[0], "k:", label="Ti, true")
axes[1].set(title="areal density", xlabel="x (nm)", ylabel="atoms (1/nm²)", ylim=(0.0, None))
legend = axes[1].legend()
