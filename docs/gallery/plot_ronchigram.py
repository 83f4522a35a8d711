"""
Ronchigram of an aberrated lens
===============================

The shadow of an amorphous film, and the rings on which it is magnified without bound.
"""

import matplotlib.pyplot as plt
from matplotlib.colors import LogNorm

import omniscopy as om

lens = {"defocus": 500.0, "Cs": 1.2e7, "astigmatism": 80.0}
found = om.simulate.ronchigram(voltage=200e3, aberrations=lens, aperture=20.0, pixels=192)

figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.0), layout="constrained")
found["intensity"].plot(ax=axes[0], cmap="gray", cbar_kwargs={"label": "intensity"}, vmax=3.0)
found["magnification"].plot(
    ax=axes[1], norm=LogNorm(0.05, 20.0), cbar_kwargs={"label": "magnification (mrad/Å)"}
)
for axis, name in zip(axes, ("Ronchigram", "magnification"), strict=True):
    axis.set(title=name, aspect="equal")
