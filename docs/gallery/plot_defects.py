"""
Vacancies and interstitials
===========================

Sites without an atom, and atoms without a site.
"""

import matplotlib.pyplot as plt

import omniscopy as om

atoms, lattice = om.samples.faulty_positions(), om.samples.faulty_lattice()
defects = om.atoms.find_defects(atoms, lattice)

figure, axis = plt.subplots(figsize=(6.6, 4.6), layout="constrained")
axis.scatter(atoms["x"], atoms["y"], c="0.6", s=25, label="atoms")
for kind, name in ((1, "vacancy"), (2, "interstitial")):
    some = defects.isel(defect=(defects["kind"] == kind).values)
    axis.scatter(some["x"], some["y"], s=160, facecolors="none", edgecolors=f"C{kind}", label=name)
axis.set(title="defects of a perovskite", xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
axis.invert_yaxis()
legend = axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
