"""
Drift within a scan
===================

Two scans in directions at right angles tell how the specimen drifted from row to row.
"""

import matplotlib.pyplot as plt

import omniscopy as om

scans = om.samples.drifting_scans()
found = om.image.correct_scan_drift(scans, (0.0, 90.0))
truth = scans.attrs["metadata"]["truth"]

figure, axes = plt.subplots(1, 3, figsize=(11.0, 3.4), layout="constrained")
scans[0].plot(ax=axes[0], yincrease=False, cmap="gray", add_colorbar=False)
axes[0].set(title="first scan", xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
found["corrected"].plot(ax=axes[1], yincrease=False, cmap="gray", add_colorbar=False)
axes[1].set(title="both, corrected", xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
axes[2].plot(scans["y"], found["drift_y"][0], "C0.", label="found, along y")
axes[2].plot(scans["y"], truth["drift_y"][0], "C0", label="true, along y")
axes[2].plot(scans["y"], found["drift_x"][0], "C1.", label="found, along x")
axes[2].plot(scans["y"], truth["drift_x"][0], "C1", label="true, along x")
axes[2].set(title="drift in the first scan", xlabel="row y (nm)", ylabel="drift (nm)")
legend = axes[2].legend()
