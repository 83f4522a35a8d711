"""
Which crystal a pattern is of
=============================

The spots of every pattern are compared with the library of each crystal, in any orientation.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import omniscopy as om

names = ["Al", "Fe"]
libraries = [om.simulate.pattern_library(name, voltage=200e3, step=3.0) for name in names]
halves = [
    om.simulate.orientation_4d(name, (2, 4), rng=5, direct=0.2, background=0.05) for name in names
]
scan = xr.concat([half.drop_vars("x") for half in halves], "x")
scan = scan.assign_coords(x=("x", 10.0 * np.arange(8), {"units": "nm"}))
found = om.diffraction.match_phases(scan, libraries, names=names, width=1.0)

figure, axes = plt.subplots(1, 3, figsize=(12.0, 3.5), layout="constrained")
for axis, place, title in ((axes[0], 0, "aluminium"), (axes[1], 7, "iron")):
    axis.pcolormesh(scan["kx"], scan["ky"], scan[0, place] ** 0.3, cmap="magma")
    axis.set(title=title, xlabel="kx (1/nm)", ylabel="ky (1/nm)", aspect="equal")
    axis.invert_yaxis()
ahead = found["correlation"].diff("phase_number")[..., 0]
image = axes[2].pcolormesh(
    scan["x"], scan["y"], ahead, cmap="PuOr_r", vmin=-0.1, vmax=0.1, edgecolor="w"
)
for y, row in zip(scan["y"].values, found["phase"].values, strict=True):
    for x, phase in zip(scan["x"].values, row, strict=True):
        axes[2].text(x, y, names[phase], ha="center", va="center")
axes[2].set(title="the best match, and how far ahead", xlabel="x (nm)", ylabel="y (nm)")
axes[2].invert_yaxis()
bar = figure.colorbar(image, ax=axes[2], label="correlation, iron − aluminium", shrink=0.6)
