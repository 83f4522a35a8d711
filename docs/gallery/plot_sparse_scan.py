"""
A scan of a third of the pixels
===============================

What was not scanned is filled in from what was, by a biharmonic surface.
"""

import matplotlib.pyplot as plt
import numpy as np

import omniscopy as om

truth = om.simulate.random_surface((64, 64), roll_off=200.0, rng=3)
scanned = np.random.default_rng(0).random(truth.shape) < 0.33
sparse = truth.where(scanned)
sparse.attrs = truth.attrs
filled = om.image.inpaint(sparse, method="biharmonic")

figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.6), layout="constrained", sharey=True)
for axis, shown, title in zip(
    axes, (sparse, filled, truth), ("scanned", "filled in", "truth"), strict=True
):
    mesh = axis.pcolormesh(truth["x"], truth["y"], shown, vmin=-3.0, vmax=3.0)
    axis.set(title=title, xlabel="x (nm)", aspect="equal")
axes[0].set_ylabel("y (nm)")
axes[0].invert_yaxis()
bar = figure.colorbar(mesh, ax=axes, label="height (nm)")
