"""
Neighbourhoods of several samples
=================================

Lattices of a series of samples share their components: loadings say how far each is distorted.
"""

import matplotlib.pyplot as plt
import numpy as np

import omniscopy as om

shears = np.array([0.0, 0.01, 0.02, 0.03])
samples = []
for number, shear in enumerate(shears):
    atoms = om.simulate.atom_positions("square", extent=(6.0, 6.0), noise=0.003, rng=number)
    moved = atoms["y"] + shear * atoms["x"]
    samples.append(atoms.assign(y=moved.assign_attrs(atoms["y"].attrs)))
parts = om.atoms.decompose_neighbourhoods(samples, 2, n_neighbours=4)

first = parts["loadings"].isel(component=0)
figure, axes = plt.subplots(1, 2, figsize=(10.5, 3.8), layout="constrained")
for number, shear in enumerate(shears):
    axes[0].hist(first.isel(sample=number).dropna("atom"), bins=24, alpha=0.7, label=f"{shear:g}")
axes[0].set(xlabel="first component (nm)", ylabel="atoms")
axes[0].legend(title="shear")
axes[1].plot(shears, first.mean("atom"), "o-")
labels = axes[1].set(xlabel="shear", ylabel="mean of the first component (nm)")
