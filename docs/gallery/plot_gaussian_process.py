"""
Maps from few points
====================

A Gaussian process fills in a map from few points, and says where it knows least.
"""

import matplotlib.pyplot as plt
import numpy as np

import omniscopy as om

y, x = np.meshgrid(np.linspace(0.0, 960.0, 24), np.linspace(0.0, 960.0, 24), indexing="ij")
truth = np.sin(x / 150.0) * np.cos(y / 200.0) + 0.5 * np.cos((x + y) / 250.0)
everywhere = np.stack([y.ravel(), x.ravel()], axis=-1)
some = np.random.default_rng(0).choice(len(everywhere), 60, replace=False)
process = om.learn.GaussianProcess().fit(everywhere[some], truth.ravel()[some])
found = process.predict(everywhere)

figure, axes = plt.subplots(1, 3, figsize=(11.5, 3.3), layout="constrained", sharey=True)
maps = (
    truth,
    found["value"].values.reshape(24, 24),
    found["value_std"].values.reshape(24, 24),
)
for axis, shown, name in zip(axes, maps, ("truth", "from 60 points", "std"), strict=True):
    mesh = axis.pcolormesh(x, y, shown)
    figure.colorbar(mesh, ax=axis, label="height (nm)")
    axis.set(title=name, xlabel="x (nm)", aspect="equal")
axes[1].plot(everywhere[some, 1], everywhere[some, 0], "w.", markersize=4)
axes[0].set_ylabel("y (nm)")
axes[0].invert_yaxis()
