"""
Noise removed by sliding windows
================================

All windows of an image are decomposed together; what they have in common is the image.
"""

import matplotlib.pyplot as plt

import omniscopy as om

truth = om.simulate.atom_image((96, 96), noise=False, background=5.0, counts=12.0)
image = om.simulate.atom_image((96, 96), background=5.0, counts=12.0, rng=2)
clean = om.image.clean_svd(image, (0.6, 0.6))

figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.5), layout="constrained", sharey=True)
for axis, shown, title in zip(
    axes, (image, clean, truth), ("measured", "cleaned", "without noise"), strict=True
):
    axis.pcolormesh(image["x"], image["y"], shown, cmap="gray", vmin=0.0, vmax=25.0)
    axis.set(title=title, xlabel="x (nm)", aspect="equal")
axes[0].set_ylabel("y (nm)")
axes[0].invert_yaxis()
