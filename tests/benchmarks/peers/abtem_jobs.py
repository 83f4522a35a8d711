"""The work that is compared, done by abTEM."""

import abtem
import ase
import numpy as np
from jobs import Arrays, main

abtem.config.set({"device": "cpu", "diagnostics.progress_bar": False})


def potential(data: Arrays):
    atoms = ase.Atoms(data["numbers"], positions=data["positions"], cell=data["cell"], pbc=True)
    asked = abtem.Potential(
        atoms, gpts=int(data["pixels"]), projection="infinite", parametrization="lobato",
        slice_thickness=data["cell"][2, 2] / int(data["slices"]),
    )  # fmt: skip

    def work():
        return asked.build().compute()

    return work, 1, lambda made: {"values": made.array[:2].transpose(0, 2, 1)}


def slices_of(data: Arrays):
    """Return the given slices as those of abTEM, whose axes are x and y."""
    values = np.ascontiguousarray(data["values"].transpose(0, 2, 1))
    return abtem.PotentialArray(
        values, slice_thickness=float(data["depth"]) / len(values),
        sampling=float(data["size"]) / values.shape[1],
    )  # fmt: skip


def plane_wave(data: Arrays):
    made = slices_of(data)

    def work():
        return abtem.PlaneWave(energy=200e3).multislice(made).compute()

    return work, 1, lambda wave: {"values": np.abs(np.squeeze(wave.array).T) ** 2}


def scan(data: Arrays):
    made = slices_of(data)
    cell = float(data["size"]) / 5
    probe = abtem.Probe(energy=200e3, semiangle_cutoff=20)
    places = abtem.GridScan((2 * cell, 2 * cell), (3 * cell, 3 * cell), gpts=(8, 8))
    detector = abtem.AnnularDetector(inner=70, outer=180)

    def work():
        return probe.scan(made, scan=places, detectors=detector).compute()

    return work, 64, lambda found: {"values": np.squeeze(found.array).T}


JOBS = {"potential": potential, "plane_wave": plane_wave, "scan": scan, "windows": scan}

if __name__ == "__main__":
    main(JOBS, ("abtem",))
