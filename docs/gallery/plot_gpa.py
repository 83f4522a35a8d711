"""
Strain by the phase of lattice fringes
======================================

Geometric phase analysis of an image whose right half is stretched along x by 2 %.
"""

import matplotlib.pyplot as plt

import omniscopy as om

image = om.simulate.atom_image((128, 160), sampling=0.05, second=0.0, rng=0)
wide = om.simulate.atom_image(
    (128, 160), sampling=0.05, b=(0.0, 0.3978), origin=(0.1, 0.072), second=0.0, rng=1
)
image = image.where(image["x"] < 4.0, wide)
image.attrs = wide.attrs
found = om.image.fit_gpa(image, resolution=0.8, reference={"x": slice(0.5, 3.0)})

figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.5), layout="constrained")
image.plot(ax=axes[0], yincrease=False, cmap="gray")
found["strain_xx"].plot(ax=axes[1], yincrease=False, cmap="RdBu_r", vmin=-0.04, vmax=0.04)
axes[0].set_title("columns")
axes[1].set_title("strain along x")
for axis in axes:
    axis.set_aspect("equal")
