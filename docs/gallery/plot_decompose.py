"""
Components of a spectral image
==============================

How many there are, and maps and spectra of them that are never negative.
"""

import omniscopy as om

data = om.samples.spectrum_image()
singular = om.signal.decompose(data, 10, method="svd", noise="poisson")
rank = int(om.signal.estimate_rank(singular)["rank"])
print("components above the noise:", rank)

parts = om.signal.decompose(data, rank, method="nmf", rng=0)
figure = om.plot.signal(parts, title="Non-negative components of two oxides")
figure
