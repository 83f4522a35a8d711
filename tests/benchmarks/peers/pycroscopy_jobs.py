"""The work that is compared, done by pycroscopy."""

import numpy as np
import pycroscopy as px
import sidpy
from jobs import Arrays, main

STEP = 0.02
# The step of an axis, which fails in the sidpy that is installed with it.
px.image.image_atoms.get_slope = lambda axis: STEP


def dataset(values, kind, *, frames=False):
    made = sidpy.Dataset.from_array(values)
    made.data_type = kind
    if frames:
        axis = sidpy.Dimension(
            np.arange(len(values)), "frame", units="frame", quantity="time",
            dimension_type="temporal",
        )  # fmt: skip
        made.set_dimension(0, axis)
    for number, name in enumerate("xy", start=int(frames)):
        axis = sidpy.Dimension(
            np.arange(values.shape[number]) * STEP, name, units="nm", quantity="length",
            dimension_type="spatial",
        )  # fmt: skip
        made.set_dimension(number, axis)
    return made


def refine(data: Arrays):
    image = dataset(data["values"], "image")
    places = px.image.find_atoms(image, atom_size=0.1, threshold=0.1)

    def work():
        return px.image.atom_refine(np.array(image), places, radius=6)

    return work, len(places), lambda made: {"places": np.array(made["atoms"])[:, :2]}


def register(data: Arrays):
    stack = dataset(data["values"], "image_stack", frames=True)

    def work():
        return px.image.rigid_registration(stack)

    def answer(made):
        # One more than there are frames; so many are used to shift them.
        drift = np.array(made.metadata["drift"])[: len(data["values"])]
        return {"shifts": -drift}

    return work, 1, answer


if __name__ == "__main__":
    main({"refine": refine, "register": register}, ("pycroscopy", "sidpy"))
