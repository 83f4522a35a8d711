"""
Images far apart in angle and scale
===================================

Features that both images show say how one is turned, scaled and shifted against the other.
"""

import matplotlib.pyplot as plt

import omniscopy as om

reference = om.simulate.grainy_surface((160, 160), count=40, rng=2)
image = om.image.rotate(reference, 130.0, expand=False)
found = om.image.match_features(image, reference)

figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.6), layout="constrained", sharey=True)
titles = (
    "reference",
    "image",
    f"turned by {float(found['rotation']):.2f}° ± {float(found['rotation_std']):.2f}°",
)
for axis, shown, title in zip(axes, (reference, image, found["registered"]), titles, strict=True):
    axis.pcolormesh(reference["x"], reference["y"], shown, cmap="gray")
    axis.set(title=title, xlabel="x (nm)", aspect="equal")
axes[0].set_ylabel("y (nm)")
axes[0].invert_yaxis()
