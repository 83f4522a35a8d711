"""The work that is compared, done by atomap."""

import atomap.api as am
import hyperspy.api as hs
import numpy as np
from jobs import Arrays, main

hs.preferences.General.show_progressbar = False


def refine(data: Arrays):
    signal = hs.signals.Signal2D(data["values"])
    places = am.get_atom_positions(signal, separation=8)

    def work():
        lattice = am.Sublattice(places, signal)
        lattice.find_nearest_neighbors()
        lattice.refine_atom_positions_using_2d_gaussian(show_progressbar=False)
        return lattice

    def answer(lattice):
        return {"places": np.array(lattice.atom_positions)[:, ::-1]}

    return work, len(places), answer


if __name__ == "__main__":
    main({"refine": refine}, ("atomap", "hyperspy"))
