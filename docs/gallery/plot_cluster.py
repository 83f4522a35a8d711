"""
Clusters of spectra
===================

Every pixel of a map is sorted by its spectrum, and each cluster has a mean.
"""

import omniscopy as om

data = om.samples.spectrum_image()
groups = om.signal.cluster(data, 2, method="kmeans", n_components=2, rng=0)
print(groups["size"].values, float(groups["silhouette"]))

centres = om.plot.line_family(groups["centre"], dim="energy_loss", title="Mean spectra")

# %%

figure = om.plot.signal(groups["label"], title="Two materials, sorted by their spectra")
