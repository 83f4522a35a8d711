"""
Drift of a series of images
===========================

The frames of a stack are shifted onto each other by comparing all pairs.
"""

import matplotlib.pyplot as plt

import omniscopy as om

stack = om.samples.image_stack()
found = om.image.register(stack)
truth = stack.attrs["metadata"]["truth"]

figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.3), layout="constrained")
for axis, image, title in (
    (axes[0], stack.mean("frame"), "mean of the frames"),
    (axes[1], found["registered"].mean("frame"), "mean of the registered frames"),
):
    axis.pcolormesh(stack["x"], stack["y"], image, cmap="gray")
    axis.set(title=title, xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
    axis.invert_yaxis()
for name, colour in (("shift_y", "C0"), ("shift_x", "C1")):
    along = name[-1]
    axes[2].errorbar(
        found["frame"], found[name], found[f"{name}_std"], fmt="o", color=colour,
        label=f"found, along {along}",
    )  # fmt: skip
    axes[2].plot(found["frame"], truth[name], color=colour, label=f"true, along {along}")
axes[2].set(title="drift", xlabel="frame", ylabel="shift (nm)")
legend = axes[2].legend()
