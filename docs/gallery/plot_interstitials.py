"""
Holes of a crystal
==================

Where a small atom would fit between the atoms of copper, and how much room it has there.
"""

import matplotlib.pyplot as plt
import numpy as np

import omniscopy as om

copper = om.crystal.structure("Cu")
holes = om.crystal.interstitials(copper)

figure = plt.figure(figsize=(5.6, 5.0), layout="constrained")
axes = figure.add_subplot(projection="3d")
atoms = om.crystal.filled_cell(copper)
axes.scatter(*atoms.positions.T, s=400, c="tab:brown", edgecolor="k", label="Cu")
colours = {"octahedron": "tab:blue", "tetrahedron": "tab:green"}
for name, colour in colours.items():
    places = np.array([hole.position for hole in holes if hole.name == name])
    room = np.mean([min(hole.lengths) for hole in holes if hole.name == name])
    axes.scatter(*places.T, s=60, c=colour, label=f"{name}, {room:.2f} Å from atoms")
axes.set(xlabel="x (Å)", ylabel="y (Å)", zlabel="z (Å)")
legend = figure.legend(loc="outside lower center", markerscale=0.6)
