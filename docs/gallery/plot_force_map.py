"""
Stiffness from force curves
===========================

Contact points are found in a map of force curves, and a sphere's indentation is fitted.
"""

import matplotlib.pyplot as plt

import omniscopy as om

force = om.samples.force_map()
curves = om.spm.fit_baseline(force)["corrected"]
contact = om.spm.find_contact(curves)
depth = om.spm.to_separation(curves, contact, spring_constant=0.05)
found = om.spm.fit_indentation(depth, model="hertz", radius=2.5e-6)

figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.4), layout="constrained")
for x in (0, 5):
    modulus = float(found["modulus"][0, x])
    axes[0].plot(depth["indentation"][0, x], depth[0, x], label=f"{1e-3 * modulus:.1f} kPa")
axes[0].set(
    title="indentations", xlabel="indentation (nm)", ylabel="force (nN)", xlim=(-300.0, None)
)
axes[0].legend()
(1e-3 * found["modulus"]).plot(ax=axes[1], yincrease=False, cbar_kwargs={"label": "modulus (kPa)"})
labels = axes[1].set(title="modulus", xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
