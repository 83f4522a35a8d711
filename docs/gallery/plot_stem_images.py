"""
Simulated STEM images
=====================

Multislice images of strontium titanate on two detectors.
"""

import matplotlib.pyplot as plt

import omniscopy as om
from omniscopy.simulate import prism

atoms = om.crystal.structure("SrTiO3") * (3, 3, 10)
potential = om.simulate.potential(atoms, sampling=0.08)
images = prism(
    potential, voltage=200e3, convergence_angle=20.0, scan_stop=(3.905, 3.905), scan_step=0.2,
    interpolation=1, detectors={"bright field": (0.0, 10.0), "dark field": (50.0, 100.0)},
)  # fmt: skip

figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.6), layout="constrained")
for axis, name in zip(axes, images.data_vars, strict=True):
    images[name].plot(
        ax=axis, yincrease=False, cmap="gray", cbar_kwargs={"label": "part of the beam"}
    )
    axis.set(title=name, xlabel="x (Å)", ylabel="y (Å)", aspect="equal")
