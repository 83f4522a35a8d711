"""
Elements from X-rays
====================

Lines are found and named, fitted in every pixel, and turned into a composition.
"""

import matplotlib.pyplot as plt

import omniscopy as om

data = om.samples.eds_map()
elements = om.eds.find_elements(data)
names = elements["element"].values[elements["found"].values].tolist()
counts = om.eds.fit_lines(data, names)
film = om.eds.quantify(counts, mass_thickness=2e-4, take_off_angle=20.0)
print(names)

figure, axes = plt.subplots(1, 3, figsize=(12.5, 3.3), layout="constrained")
data.sum(("y", "x")).plot(ax=axes[0])
axes[0].set(
    yscale="log",
    title="sum of all spectra",
    xlabel="energy (keV)",
    ylabel="counts",
    xlim=(0.2, 12.0),
)
for axis, element in zip(axes[1:], ("Fe", "Ti"), strict=True):
    share = film["atomic_fraction"].sel(element=element)
    om.plot.signal(share, ax=axis, title=element)
