"""
Atoms found by a network
========================

The shipped network finds atoms of a scene that it has not seen, without settings.
"""

import matplotlib.pyplot as plt

import omniscopy as om

scene = om.simulate.atom_scene((128, 128), dose=8.0, rng=7)
atoms = om.learn.AtomFinder().predict(scene)
truth = om.simulate.true_atoms(scene)
score = om.atoms.score_positions(atoms, truth)
print(score)

figure, axis = plt.subplots(figsize=(5.2, 4.4), layout="constrained")
axis.pcolormesh(scene["x"], scene["y"], scene, cmap="gray")
axis.scatter(atoms["x"], atoms["y"], s=14, c="C1", label="found")
axis.set(title="a noisy honeycomb", xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
axis.invert_yaxis()
legend = axis.legend(loc="lower right")
