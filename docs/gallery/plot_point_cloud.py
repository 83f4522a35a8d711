"""
Points on no grid
=================

A potential that was measured along a spiral is brought onto a grid.
"""

import matplotlib.pyplot as plt

import omniscopy as om

points = om.samples.point_cloud()
grid = om.signal.to_grid(points, method="linear", spacing=2.0)

figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.6), layout="constrained", sharey=True)
axes[0].scatter(points["x"], points["y"], c=points, s=8)
shown = axes[1].pcolormesh(grid["x"], grid["y"], grid)
axes[0].set(title="as measured", xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
axes[1].set(title="on a grid", xlabel="x (nm)", aspect="equal")
axes[0].invert_yaxis()
bar = figure.colorbar(shown, ax=axes, label="surface potential (V)")
