"""
Particles on a tilted surface
=============================

Levelled, rows aligned, particles found and measured.
"""

import matplotlib.pyplot as plt

import omniscopy as om

scan = om.simulate.grainy_surface(tilt=(0.01, 0.02), row_shift=0.5, rng=4)
flat = om.image.align_rows(om.image.level(scan), "median_difference")
flat = om.image.level(flat, "base")
grains = om.image.find_grains(flat, min_area=500.0)
table = om.image.measure_grains(flat, grains)
print(table["equivalent_radius"].values.round(1))

figure, axes = plt.subplots(1, 3, figsize=(11.5, 3.3), layout="constrained")
om.plot.signal(scan, ax=axes[0], title="scanned")
om.plot.signal(flat, ax=axes[1], title="levelled")
axes[1].contour(flat["x"], flat["y"], grains > 0, [0.5], colors="w", linewidths=0.8)
axes[2].hist(table["equivalent_radius"], bins=8)
labels = axes[2].set(title="sizes", xlabel="equivalent radius (nm)", ylabel="particles")
