"""
Atoms of an image
=================

Found, and then all refined together by Gaussians that overlap.
"""

import matplotlib.pyplot as plt

import omniscopy as om

image = om.samples.atom_image()
found = om.atoms.find_atoms(image)
atoms = om.atoms.refine_atoms(image, found)
lattice = om.atoms.find_lattice(atoms)
a, b, angle = (float(lattice[name]) for name in ("length_a", "length_b", "angle"))
print(f"a = {a:.4f} nm, b = {b:.4f} nm, {angle:.2f}° between them")

figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.0), layout="constrained")
image.plot(ax=axes[0], yincrease=False, cmap="gray", add_colorbar=False)
axes[0].scatter(atoms["x"], atoms["y"], c=atoms["amplitude"], cmap="cool", s=12)
axes[0].set(title="columns, by their amplitude", xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
axes[1].hist(1e3 * lattice["residual"], bins=30)
labels = axes[1].set(title="distance from the lattice", xlabel="residual (pm)", ylabel="columns")
