"""
Ptychography
============

The phase of an object from overlapping patterns, at once and by iterations.
"""

import matplotlib.pyplot as plt

import omniscopy as om

data = om.simulate.ptychography_4d(
    (16, 16), 24, sampling=0.08, phase=0.3, aberrations={"defocus": 40.0}
)
lens = {"aberrations": {"defocus": 40.0}}
fast = om.diffraction.reconstruct_ptychography(data, method="ssb", **lens)["phase"]
fine = om.diffraction.reconstruct_ptychography(data, method="lsqml", max_steps=15, **lens)["phase"]

figure, axes = plt.subplots(1, 3, figsize=(11.0, 3.2), layout="constrained")
names = ("a pattern", "single side band", "by iterations")
for axis, each, name in zip(axes, (data[8, 8], fast, fine), names, strict=True):
    om.plot.signal(each, ax=axis, title=name)
