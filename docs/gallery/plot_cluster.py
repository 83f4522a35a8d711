"""
Clusters of spectra
===================

Every pixel of a map is sorted by its spectrum, and each cluster has a mean.
"""

import omniscopy as om

data = om.samples.spectrum_image()
groups = om.signal.cluster(data, 2, method="kmeans", n_components=2, rng=0)
print(groups["size"].values, "pixels; silhouette", round(float(groups["silhouette"]), 2))
figure = om.plot.signal(groups, title="Two materials, sorted by their spectra")
figure
