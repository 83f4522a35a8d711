"""
Orientations of a scan
======================

The pattern of every pixel is compared with a library of simulated ones.
"""

import matplotlib.pyplot as plt

import omniscopy as om

scan = om.simulate.orientation_4d("Al", (2, 3))
library = om.simulate.pattern_library("Al", voltage=200e3, step=3.0)
found = om.diffraction.match_orientation(scan, library)
truth = scan.attrs["metadata"]["truth"]["orientation"]
atoms = om.crystal.structure("Al")
errors = om.crystal.misorientations(atoms, found["matrix"].values, truth)

figure, axes = plt.subplots(
    2, 3, figsize=(9.0, 6.0), layout="constrained", sharex=True, sharey=True
)
for axis, error, pattern in zip(
    axes.flat, errors.ravel(), scan.values.reshape(-1, 64, 64), strict=True
):
    axis.pcolormesh(scan["kx"], scan["ky"], pattern**0.3, cmap="magma")
    axis.set(title=f"off by {error:.1f}°", aspect="equal")
for axis in axes[:, 0]:
    axis.set_ylabel("ky (1/nm)")
for axis in axes[1]:
    axis.set_xlabel("kx (1/nm)")
axes[0, 0].invert_yaxis()
