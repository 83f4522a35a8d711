"""
Local crystallography
=====================

The vectors from each atom to its neighbours are decomposed: what varies most, and where.
"""

import matplotlib.pyplot as plt
import numpy as np

import omniscopy as om

atoms = om.simulate.atom_positions("square", extent=(6.0, 8.0), noise=0.002, rng=0)
wave = 0.02 * np.sin(2.0 * np.pi * atoms["x"] / 4.0)
atoms = atoms.assign(y=(atoms["y"] + wave).assign_attrs(atoms["y"].attrs))
parts = om.atoms.decompose_neighbourhoods(atoms, 2, n_neighbours=4)

figure, axes = plt.subplots(1, 2, figsize=(10.5, 3.8), layout="constrained")
shown = axes[0].scatter(
    parts["x"], parts["y"], c=parts["loadings"].isel(component=0), cmap="RdBu_r", s=22
)
figure.colorbar(shown, ax=axes[0], label="first component (nm)")
axes[0].set(title="where planes are tilted", xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
axes[0].invert_yaxis()
axes[1].plot(parts["x"], parts["loadings"].isel(component=0), ".")
labels = axes[1].set(
    title="it follows the slope of the wave", xlabel="x (nm)", ylabel="first component (nm)"
)
