"""The work that is compared, done by pyxem, diffsims and orix."""

import hyperspy.api as hs
import numpy as np
import pyxem as pxm
from diffpy.structure import Atom, Lattice, Structure
from diffsims.generators.simulation_generator import SimulationGenerator
from jobs import Arrays, main
from orix.crystal_map import Phase
from orix.sampling import get_sample_reduced_fundamental

hs.preferences.General.show_progressbar = False


def orientations(data: Arrays):
    values = data["values"]
    signal = pxm.signals.ElectronDiffraction2D(values.astype(np.float32))
    step = 0.1 * (data["kx"][1] - data["kx"][0])  # in 1/Å
    signal.calibration.scale = step
    signal.calibration.center = None
    signal.calibration(beam_energy=200.0)
    signal.calibration.units = r"$\AA^{-1}$"
    sites = [Atom("Al", at) for at in ([0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5])]
    lattice = Lattice(4.05, 4.05, 4.05, 90, 90, 90)
    phase = Phase("Al", space_group=225, structure=Structure(sites, lattice))
    directions = get_sample_reduced_fundamental(
        resolution=float(data["resolution"]), point_group=phase.point_group
    )
    library = SimulationGenerator(200, minimum_intensity=1e-4).calculate_diffraction2d(
        phase, rotation=directions, reciprocal_radius=2.0, max_excitation_error=0.05,
        with_direct_beam=False,
    )  # fmt: skip

    def work():
        polar = signal.get_azimuthal_integral2d(
            npt=32, npt_azim=360, inplace=False, mean=True, show_progressbar=False
        )
        return (polar**0.3).get_orientation(library, n_best=1, show_progressbar=False)

    def answer(found):
        rotations = found.to_rotation(flatten=True)
        matrix = rotations.to_matrix().reshape(*values.shape[:2], -1, 3, 3)[:, :, 0]
        return {"matrix": matrix, "entries": len(directions.data)}

    return work, values.shape[0] * values.shape[1], answer


if __name__ == "__main__":
    main({"orientations": orientations}, ("pyxem", "diffsims", "orix", "hyperspy"))
