"""
Intensities as parts of the beam
================================

A scan of the beam over the detector says what all of it and none of it would give.
"""

import matplotlib.pyplot as plt

import omniscopy as om

scan = om.simulate.detector_scan(fall=0.25)
image = om.simulate.atom_image(counts=150.0)
found = om.image.correct_detector_response(image, scan, flux_exponent=3.0)

figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.9), layout="constrained")
drawn = axes[0].pcolormesh(scan["x"], scan["y"], scan, cmap="inferno")
figure.colorbar(drawn, ax=axes[0], label="signal (counts)")
axes[0].set(title="the detector", xlabel="x (mrad)", ylabel="y (mrad)", aspect="equal")
drawn = axes[1].pcolormesh(image["x"], image["y"], 100.0 * found["fraction"], cmap="gray")
figure.colorbar(drawn, ax=axes[1], label="of the beam (%)")
axes[1].set(title="the sample", xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
for each in axes:
    each.invert_yaxis()
