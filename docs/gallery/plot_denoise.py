"""
Filters against noise
=====================

Two ways to take noise from an image of an amorphous layer, and what each leaves of it.
"""

import matplotlib.pyplot as plt

import omniscopy as om

options = {"spacing": 0.25, "vacancies": 0.0, "disorder": 0.0}
truth = om.simulate.atom_scene((128, 128), noise=False, rng=1, **options)
image = om.simulate.atom_scene((128, 128), rng=1, **options)
shown = {"measured": image, "truth": truth}
shown |= {method: om.image.denoise(image, method) for method in ("wavelet", "median")}
errors = {name: float(((each - truth) ** 2).mean() ** 0.5) for name, each in shown.items()}

figure, axes = plt.subplots(1, 4, figsize=(12.5, 3.4), layout="constrained", sharey=True)
for axis, (name, each) in zip(axes, shown.items(), strict=True):
    axis.pcolormesh(image["x"], image["y"], each, cmap="gray", vmax=float(truth.max()))
    axis.set(title=f"{name}, error {errors[name]:.1f}", xlabel="x (nm)", aspect="equal")
axes[0].set_ylabel("y (nm)")
axes[0].invert_yaxis()
