"""
Adaptive Fourier filter
=======================

The spots of a lattice are found in the Fourier transform, and only they are kept.
"""

import matplotlib.pyplot as plt

import omniscopy as om

image = om.simulate.atom_image(counts=8.0, background=8.0, rng=1)
spots = om.image.find_fourier_spots(image)
clean = om.image.filter_fourier_spots(image, spots)
power = om.image.power_spectrum(image)

figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.9), layout="compressed")
for axis, shown, title in ((axes[0], image, "measured"), (axes[2], clean, "filtered")):
    axis.pcolormesh(image["x"], image["y"], shown, cmap="gray")
    axis.set(title=title, xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
    axis.invert_yaxis()
axes[1].pcolormesh(power["kx"], power["ky"], power**0.25, cmap="magma")
axes[1].scatter(spots["kx"], spots["ky"], s=80, facecolors="none", edgecolors="w")
axes[1].set(title="spots", xlabel="kx (1/nm)", ylabel="ky (1/nm)", aspect="equal")
limits = axes[1].set(xlim=(-9.0, 9.0), ylim=(9.0, -9.0))
