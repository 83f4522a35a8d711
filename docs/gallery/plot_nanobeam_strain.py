"""
Strain by nanobeam diffraction
==============================

The discs of each pattern are found, a lattice fitted to them, and compared with a reference region.
"""

import matplotlib.pyplot as plt

import omniscopy as om

data = om.simulate.nanobeam_4d((4, 8), (48, 50), pixel=0.28)
template = om.diffraction.make_template(data, radius=0.9)
discs = om.diffraction.find_discs(data, template, search="lattice", max_discs=20)
lattice = om.diffraction.fit_lattice(discs)
strain = om.diffraction.measure_strain(lattice, {"x": slice(0.0, 6.0)})

figure, axes = plt.subplots(1, 3, figsize=(12.0, 3.0), layout="constrained")
om.plot.signal(data[0, 0], ax=axes[0], title="a pattern and its discs")
axes[0].plot(discs["kx"][0, 0], discs["ky"][0, 0], "c+")
for axis, name in zip(axes[1:], ("strain_xx", "strain_yy"), strict=True):
    om.plot.signal(strain[name], ax=axis, title=name.replace("_", " "))
