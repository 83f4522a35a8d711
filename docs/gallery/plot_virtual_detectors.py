"""
Virtual detectors
=================

Images by any detectors, the centre of mass and the mean pattern, in one read of a 4D-STEM scan.
"""

import matplotlib.pyplot as plt
from matplotlib.patches import Circle

import omniscopy as om
from omniscopy.diffraction import Annulus, CentreOfMass, Disk

data = om.simulate.diffraction_4d((16, 18), (40, 40), sampling=1.0, pixel=0.36)
centre = om.diffraction.find_centre(om.diffraction.mean_pattern(data))
around = (float(centre["ky"]), float(centre["kx"]))
bright, dark = Disk(1.6, centre=around), Annulus(2.2, 6.5, centre=around)
found = om.diffraction.reduce(
    data, {"bright": bright, "dark": dark, "com": CentreOfMass(bright), "mean": "mean"}
)

figure, axes = plt.subplots(1, 4, figsize=(13.0, 3.2), layout="constrained")
(found["mean"] ** 0.5).plot(ax=axes[0], yincrease=False, cmap="magma", add_colorbar=False)
for radius in (1.6, 2.2, 6.5):
    axes[0].add_patch(Circle(around[::-1], radius, fill=False, color="w"))
found["bright"].plot(ax=axes[1], yincrease=False, cmap="gray", add_colorbar=False)
found["dark"].plot(ax=axes[2], yincrease=False, cmap="gray", add_colorbar=False)
found["com_x"].plot(ax=axes[3], yincrease=False, cmap="RdBu_r")
names = ("mean pattern", "bright field", "dark field", "centre of mass along kx")
for axis, name in zip(axes, names, strict=True):
    axis.set(title=name, aspect="equal")
