"""
Strain at every atom
====================

Each atom's neighbours are compared with the lattice of a part that is not strained.
"""

import matplotlib.pyplot as plt

import omniscopy as om

atoms = om.simulate.atom_positions(extent=(4.0, 8.0), noise=0.002, rng=0)
stretched = atoms["x"] + 0.015 * (atoms["x"] - 4.0).clip(min=0.0)
atoms = atoms.assign(x=stretched.assign_attrs(atoms["x"].attrs))
lattice = om.atoms.find_lattice(atoms)
strain = om.atoms.measure_strain(atoms, lattice, reference={"x": slice(0.5, 3.5)})

figure, axis = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
shown = axis.scatter(
    strain["x"],
    strain["y"],
    c=100.0 * strain["strain_xx"],
    cmap="RdBu_r",
    vmin=-2.5,
    vmax=2.5,
    s=30,
)
figure.colorbar(shown, ax=axis, label="strain along x (%)")
axis.set(title="the right half is stretched by 1.5 %", xlabel="x (nm)", ylabel="y (nm)")
axis.set_aspect("equal")
axis.invert_yaxis()
