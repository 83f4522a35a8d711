"""
Strain of few electrons
=======================

A lattice of discs is fitted to all pixels of a pattern at once, and so needs fewer electrons.
"""

import matplotlib.pyplot as plt

import omniscopy as om

data = om.simulate.nanobeam_4d((8, 12), (48, 50), pixel=0.28, counts=3e3, rotation=0.0, rng=1)
template = om.diffraction.make_template(data, radius=0.9)
discs = om.diffraction.find_discs(data, template, search="lattice", max_discs=20)
start = om.diffraction.fit_lattice(discs)
fitted = om.diffraction.fit_patterns(data, start.median(("y", "x"), keep_attrs=True), radius=0.9)
unstrained = {"x": slice(0.0, 10.0)}
strains = {
    "discs, one by one": om.diffraction.measure_strain(start, unstrained)["strain_xx"],
    "whole patterns": om.diffraction.measure_strain(fitted, unstrained)["strain_xx"],
}
right = {"x": slice(12.0, None)}
scatter = {name: float(strain.sel(right).std()) for name, strain in strains.items()}

figure, axes = plt.subplots(
    1, 3, figsize=(12.0, 3.9), layout="constrained", width_ratios=(1.4, 1, 1)
)
om.plot.signal(data[0, 0], ax=axes[0], title="a pattern of 3000 electrons")
for axis, (name, strain) in zip(axes[1:], strains.items(), strict=True):
    image = axis.pcolormesh(
        strain["x"], strain["y"], 100 * strain, cmap="RdBu_r", vmin=-3.0, vmax=3.0
    )
    axis.set(title=f"{name}: ± {100 * scatter[name]:.2f} %", xlabel="x (nm)", aspect="equal")
    axis.invert_yaxis()
axes[1].set_ylabel("y (nm)")
bar = figure.colorbar(image, ax=axes[1:], label="strain along x (%)", shrink=0.7)
