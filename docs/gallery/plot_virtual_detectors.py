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

figure, axes = plt.subplots(2, 2, figsize=(9.0, 6.8), layout="constrained")
axes = axes.ravel()
om.plot.signal(found["mean"], ax=axes[0], title="mean pattern")
om.plot.signal(found["bright"], ax=axes[1], title="bright field", colours="gray")
om.plot.signal(found["dark"], ax=axes[2], title="dark field", colours="gray")
om.plot.signal(found["com_x"], ax=axes[3], title="deflection", colours="RdBu_r")
for radius in (1.6, 2.2, 6.5):
    axes[0].add_patch(Circle(around[::-1], radius, fill=False, color="w"))
