"""
Trajectories of atoms
=====================

Atoms of successive frames are linked, and how their states follow each other is counted.
"""

import matplotlib.pyplot as plt

import omniscopy as om

moving = om.simulate.moving_atoms(frames=40, rng=0)
tracks = om.atoms.link_trajectories(moving)
states = tracks["state"]
chances = om.atoms.transition_matrix(states, int(states.max()) + 1)

figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.0), layout="constrained")
axes[0].plot(
    tracks["x"].transpose("frame", "track"), tracks["y"].transpose("frame", "track"), lw=0.8
)
axes[0].set(title="walks of the atoms", xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
axes[0].invert_yaxis()
shown = axes[1].imshow(chances["probability"], vmin=0.0, vmax=1.0)
figure.colorbar(shown, ax=axes[1], label="probability")
labels = axes[1].set(
    xticks=range(2),
    yticks=range(2),
    title="states from frame to frame",
    xlabel="next state",
    ylabel="state",
)
