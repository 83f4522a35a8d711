"""
Ronchigram of an aberrated lens
===============================

What a lens does to the phase over its aperture, the shadow of an amorphous film that follows, the
rings on which that is magnified without bound, and the probe that an aperture within them makes.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm

import omniscopy as om
from omniscopy.physics import aberrations

beam = {"voltage": 200e3, "aberrations": {"defocus": 500.0, "Cs": 1.2e7, "astigmatism": 80.0}}
found = om.simulate.ronchigram(aperture=20.0, pixels=192, **beam)
ky, kx = np.meshgrid(1e-3 * found["ky"], 1e-3 * found["kx"], indexing="ij")
plate = aberrations.chi(
    np.hypot(ky, kx), np.arctan2(ky, kx), beam["aberrations"], voltage=beam["voltage"]
)
probe = om.simulate.probe(convergence_angle=8.0, size=30.0, sampling=0.2, **beam)["intensity"]

figure, axes = plt.subplots(2, 2, figsize=(9.5, 8.0), layout="constrained")
(phase, shadow), (enlarged, spot) = axes
found["aperture"].copy(data=np.cos(plate)).plot(
    ax=phase, cmap="gray", cbar_kwargs={"label": "cos χ"}
)
found["intensity"].plot(ax=shadow, cmap="gray", cbar_kwargs={"label": "intensity"}, vmax=3.0)
shadow.contour(found["kx"], found["ky"], found["magnification"], levels=[10.0], colors="tab:orange")
found["magnification"].plot(
    ax=enlarged, norm=LogNorm(0.05, 20.0), cbar_kwargs={"label": "magnification (mrad/Å)"}
)
(probe / probe.max()).plot(ax=spot, cmap="magma", cbar_kwargs={"label": "over its largest"})
titles = ("phase plate", "Ronchigram", "magnification", "probe of 8 mrad")
for axis, title in zip(axes.flat, titles, strict=True):
    axis.set(title=title, aspect="equal")
