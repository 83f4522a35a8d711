"""The work that is compared, done by abTEM."""

import abtem
import ase
import numpy as np
from jobs import Arrays, main

abtem.config.set({"device": "cpu", "diagnostics.progress_bar": False})


def settings(data: Arrays):
    atoms = ase.Atoms(data["numbers"], positions=data["positions"], cell=data["cell"], pbc=True)
    return abtem.Potential(
        atoms, gpts=int(data["pixels"]), projection="infinite",
        slice_thickness=data["cell"][2, 2] / int(data["slices"]),
    )  # fmt: skip


def potential(data: Arrays):
    asked = settings(data)

    def work():
        return asked.build().compute()

    return work, 1, lambda made: {"values": made.array[:2].transpose(0, 2, 1)}


def plane_wave(data: Arrays):
    made = settings(data).build().compute()

    def work():
        return abtem.PlaneWave(energy=200e3).multislice(made).compute()

    return work, 1, lambda wave: {"values": np.abs(np.squeeze(wave.array).T) ** 2}


def scan(data: Arrays):
    made = settings(data).build().compute()
    cell = data["cell"][0, 0] / 5
    probe = abtem.Probe(energy=200e3, semiangle_cutoff=20)
    places = abtem.GridScan((0, 0), (cell, cell), gpts=(2, 2))
    detector = abtem.AnnularDetector(inner=70, outer=180)

    def work():
        return probe.scan(made, scan=places, detectors=detector).compute()

    return work, 4, lambda found: {"values": np.squeeze(found.array).T}


JOBS = {"potential": potential, "plane_wave": plane_wave, "scan": scan}

if __name__ == "__main__":
    main(JOBS, ("abtem",))
