"""
Maps from few points
====================

A Gaussian process fills in a map from few points, and says where it knows least.
"""

import matplotlib.pyplot as plt
import numpy as np

import omniscopy as om

truth = om.simulate.random_surface((24, 24), roll_off=600.0, rng=3)
everywhere = np.stack(np.meshgrid(truth["y"], truth["x"], indexing="ij"), axis=-1).reshape(-1, 2)
some = np.random.default_rng(0).choice(len(everywhere), 60, replace=False)
process = om.learn.GaussianProcess().fit(everywhere[some], truth.values.ravel()[some])
found = process.predict(everywhere)

figure, axes = plt.subplots(1, 3, figsize=(11.5, 3.3), layout="constrained", sharey=True)
maps = (
    truth.values,
    found["value"].values.reshape(24, 24),
    found["value_std"].values.reshape(24, 24),
)
for axis, shown, name in zip(axes, maps, ("truth", "from 60 points", "std"), strict=True):
    mesh = axis.pcolormesh(truth["x"], truth["y"], shown)
    figure.colorbar(mesh, ax=axis, label="height (nm)")
    axis.set(title=name, xlabel="x (nm)", aspect="equal")
axes[1].plot(everywhere[some, 1], everywhere[some, 0], "w.", markersize=4)
axes[0].set_ylabel("y (nm)")
axes[0].invert_yaxis()
