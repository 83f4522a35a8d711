"""
A probe taken from an image
===========================

Richardson-Lucy deconvolution of a blurred image of columns by the probe that made it.
"""

import matplotlib.pyplot as plt

import omniscopy as om

sharp = om.simulate.atom_image((96, 96), sigma=0.05, noise=False, background=2.0)
blurred = om.simulate.atom_image((96, 96), sigma=0.11, counts=60.0, background=2.0, rng=0)
found = om.image.deconvolve(blurred, resolution=0.23, max_steps=30)
figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.5), layout="constrained", sharey=True)
for axis, shown, title in zip(
    axes, (blurred, found, sharp), ("blurred", "deconvolved", "sharp"), strict=True
):
    axis.pcolormesh(sharp["x"], sharp["y"], shown, cmap="gray")
    axis.set(title=title, xlabel="x (nm)", aspect="equal")
axes[0].set_ylabel("y (nm)")
axes[0].invert_yaxis()
