"""
Surface plasmons of a thin metal
================================

A thin slab loses energy to both of its surfaces, and less to its inside; light holds the lower
mode back at small angles.
"""

import matplotlib.pyplot as plt
import numpy as np

import omniscopy as om

metal = om.eels.simulate_permittivity([(15.0**2, 0.0, 0.5)], dispersion=0.05, channels=400)
microscope = {"voltage": 200e3, "collection_mrad": 2.0}
angles = np.linspace(0.005, 0.25, 120)
slabs = {
    thickness: om.eels.simulate_slab(metal, thickness=thickness, angles=angles, **microscope)
    for thickness in (5.0, 20.0, 60.0)
}
surface = slabs[60.0]["surface"].sel(energy_loss=slice(5.0, None))
place = surface.idxmax("energy_loss")
print(f"surfaces take most at {float(place):.1f} eV: 15 eV over the root of 2 is 10.6 eV")

figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.5), layout="constrained")
for thickness, slab in slabs.items():
    slab["probability"].plot(ax=axes[0], label=f"{thickness:g} nm")
axes[0].set(title="losses to slabs", xlabel="energy loss (eV)", ylabel="1/eV", yscale="log")
axes[0].legend()
thin = np.log10(slabs[5.0]["angular_probability"].clip(min=1.0))
image = thin.plot(ax=axes[1], x="angle", y="energy_loss", cbar_kwargs={"label": "log10 1/(eV sr)"})
labels = axes[1].set(title="5 nm, by angle", xlabel="angle (mrad)", ylabel="energy loss (eV)")
