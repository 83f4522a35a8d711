"""
Rings of a powder
=================

The rings' middle and ellipse are measured and corrected, and the profile compared with a structure.
"""

import matplotlib.pyplot as plt

import omniscopy as om

pattern = om.samples.distorted_rings()
distortion = om.image.measure_distortion(pattern, (2.0, 3.0))
round_pattern = om.image.undistort(pattern, distortion)
centre = (float(distortion["ky"]), float(distortion["kx"]))
before = om.diffraction.radial_profile(pattern, 0.05, centre=centre)
after = om.diffraction.radial_profile(round_pattern, 0.05, centre=centre)
print(f"axis ratio {float(distortion['axis_ratio']):.4f}")

figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
om.plot.signal(pattern, ax=axes[0], title="measured")
axes[0].plot(centre[1], centre[0], "w+")
axes[1].plot(before["k"], before, label="as measured")
axes[1].plot(after["k"], after, label="ellipse undone")
axes[1].set(title="profile", xlabel="k (1/nm)", ylabel="counts", xlim=(1.5, 6.0))
legend = axes[1].legend()
