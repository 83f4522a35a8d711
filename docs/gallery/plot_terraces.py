"""
Terraces and the height of a step
=================================

A tilted staircase is levelled by all its terraces at once, which also say how high a step is.
"""

import matplotlib.pyplot as plt

import omniscopy as om

scan = om.simulate.patterned_surface(
    (160, 160), kind="steps", period=230.0, height=0.34, angle=25.0, noise=0.03, rng=0
)
tilt = 0.004 * scan["y"] - 0.003 * scan["x"]
scan = (scan + tilt).transpose("y", "x").assign_attrs(scan.attrs)
found = om.image.fit_terraces(scan)

figure, axes = plt.subplots(1, 3, figsize=(11.5, 3.6), layout="constrained")
for axis, shown, title in zip(
    axes, (scan, found["levelled"]), ("as scanned", "levelled"), strict=False
):
    drawn = axis.pcolormesh(scan["x"], scan["y"], shown, cmap="viridis")
    figure.colorbar(drawn, ax=axis, label="height (nm)")
    axis.set(title=title, xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
    axis.invert_yaxis()
axes[2].errorbar(found["number"], found["height"], found["height_std"], fmt="o")
title = f"a step is {float(found['step_height']):.4f} ± {float(found['step_height_std']):.4f} nm"
labels = axes[2].set(title=title, xlabel="steps up", ylabel="height of terraces (nm)")
