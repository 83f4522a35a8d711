"""
Polar displacements
===================

How far atoms are displaced from the middle of the atoms around them.
"""

import matplotlib.pyplot as plt

import omniscopy as om

centres, corners = om.samples.centre_positions(), om.samples.corner_positions()
found = om.atoms.measure_polarization(centres, corners)
print(f"mean displacement {1e3 * float(found['displacement'].mean()):.1f} pm")

figure, axis = plt.subplots(figsize=(6.0, 5.0), layout="constrained")
axis.scatter(corners["x"], corners["y"], s=40, color="0.7", label="cage")
arrows = axis.quiver(
    found["x"], found["y"], found["displacement_x"], found["displacement_y"],
    1e3 * found["displacement"], angles="xy", pivot="mid",
)  # fmt: skip
figure.colorbar(arrows, ax=axis, label="displacement (pm)")
axis.set(title="displacements of the centres", xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
axis.invert_yaxis()
legend = axis.legend(loc="lower right")
