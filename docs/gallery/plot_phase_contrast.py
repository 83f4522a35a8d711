"""
Differential phase contrast
===========================

The deflection of the beam at each point is integrated to the phase of the object.
"""

import matplotlib.pyplot as plt

import omniscopy as om

data = om.samples.phase_grating_4d()
com = om.diffraction.measure_com(data)
turn = om.diffraction.fit_dpc(com)
known = {"rotation": float(turn["rotation"]), "flip": bool(turn["flip"])}
phase = om.diffraction.reconstruct_idpc(com, **known)["phase"]
print("the detector is turned by", round(known["rotation"], 1), "degrees")

figure, axes = plt.subplots(1, 3, figsize=(11.0, 3.2), layout="constrained")
for axis, name in zip(axes, ("com_y", "com_x"), strict=False):
    om.plot.signal(com[name], ax=axis, title=f"deflection along k{name[-1]}", colours="RdBu_r")
shown = om.plot.signal(phase, ax=axes[2], title="phase")
