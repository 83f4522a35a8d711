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
om.plot.signal(image, ax=axes[0], title="columns")
labels = om.plot.signal(found["strain_xx"], ax=axes[1], title="strain along x")
