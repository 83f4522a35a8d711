"""
Dark-field images of crystals, quickly
======================================

Images of silicon along three zone axes, by the scattering power of the columns.
"""

import matplotlib.pyplot as plt

import omniscopy as om

silicon = om.crystal.structure("Si")
beam = {"voltage": 200e3, "convergence_angle": 24.0, "debye_waller": {"Si": 0.46}}
figure, axes = plt.subplots(1, 3, figsize=(11.0, 3.5), layout="constrained")
for axis, zone in zip(axes, ((0, 0, 1), (0, 1, 1), (1, 1, 1)), strict=True):
    cell = om.crystal.orthogonal_cell(silicon, zone)
    image = om.simulate.haadf(cell * (3, 3, 10), **beam)
    image.plot(ax=axis, yincrease=False, cmap="gray", add_colorbar=False)
    axis.set(title=f"silicon {list(zone)}", xlabel="x (Å)", ylabel="y (Å)", aspect="equal")
