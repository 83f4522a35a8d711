"""The work that is compared, done by pyTEMlib."""

import numpy as np
import sidpy
from jobs import Arrays, main
from pyTEMlib import eels_tools


def zero_loss(data: Arrays):
    values = data["values"][:6, :6]
    made = sidpy.Dataset.from_array(values, name="low loss")
    made.data_type = "spectral_image"
    for number, name in enumerate("xy"):
        axis = sidpy.Dimension(
            np.arange(values.shape[number]), name, units="nm", quantity="distance",
            dimension_type="spatial",
        )  # fmt: skip
        made.set_dimension(number, axis)
    along = sidpy.Dimension(
        data["energy"], "energy", units="eV", quantity="energy-loss", dimension_type="spectral"
    )
    made.set_dimension(2, along)
    made.metadata["experiment"] = {
        "acceleration_voltage": 200000, "convergence_angle": 10, "collection_angle": 20,
    }  # fmt: skip
    made.metadata["zero_loss"] = {}

    def work():
        places = eels_tools.get_zero_loss_energy(made)
        aligned = eels_tools.align_zero_loss(made)
        return places, eels_tools.get_resolution_functions(aligned, -2, 2)

    return work, values.shape[0] * values.shape[1], lambda found: {"place": np.array(found[0])}


if __name__ == "__main__":
    main({"zero_loss": zero_loss}, ("pyTEMlib", "sidpy"))
