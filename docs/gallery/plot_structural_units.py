"""
Structural units of a grain boundary
====================================

The tiles between atoms, by their number of corners: a boundary has others than the grains.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import PolyCollection

import omniscopy as om

atoms = om.simulate.bicrystal(angles=(0.0, 18.0), extent=(4.0, 5.0), rng=1)
grains = om.atoms.find_domains(atoms)
rings = om.atoms.find_rings(atoms)
corners = np.stack([rings["corner_x"], rings["corner_y"]], axis=-1)
tiles = [tile[np.isfinite(tile[:, 0])] for tile in corners]

figure, axes = plt.subplots(1, 2, figsize=(10.5, 4.2), layout="constrained", sharey=True)
axes[0].scatter(atoms["x"], atoms["y"], c=grains["orientation"], cmap="twilight", s=14)
axes[0].set(title="atoms, by the direction of their bonds", ylabel="y (nm)")
drawn = PolyCollection(tiles, array=rings["size"], cmap="viridis", clim=(3, 7), edgecolor="w")
axes[1].add_collection(drawn)
axes[1].set_title("tiles, by their number of corners")
figure.colorbar(drawn, ax=axes[1], ticks=[3, 4, 5, 6, 7], label="corners")
for axis in axes:
    axis.set(xlabel="x (nm)", aspect="equal")
axes[0].invert_yaxis()
