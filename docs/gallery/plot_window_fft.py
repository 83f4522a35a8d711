"""
Phases by the Fourier transforms of windows
===========================================

Where an image has which lattice: windows are transformed, and the spectra decomposed.
"""

import matplotlib.pyplot as plt
import xarray as xr

import omniscopy as om

square = om.simulate.atom_image((96, 96), rng=1)
tilted = om.simulate.atom_image((96, 96), a=(0.25, 0.25), b=(-0.25, 0.25), second=0.0, rng=2)
image = square.where(square["x"] < 1.9, tilted)
image.attrs = square.attrs
parts = om.image.window_fft_decompose(image, 2, (0.8, 0.8), step=(0.16, 0.16), rng=0)

figure, axes = plt.subplots(2, 3, figsize=(10.0, 6.4), layout="constrained")
image.plot(ax=axes[0, 0], yincrease=False, cmap="gray", add_colorbar=False)
axes[0, 0].set_title("two lattices")
axes[1, 0].axis("off")
for number in range(2):
    share: xr.DataArray = parts["loadings"].isel(component=number)
    share.plot(ax=axes[0, number + 1], yincrease=False, add_colorbar=False)
    spectrum = parts["components"].isel(component=number)
    (spectrum**0.5).plot(ax=axes[1, number + 1], cmap="magma", add_colorbar=False)
    axes[0, number + 1].set_title(f"where component {number} is")
    axes[1, number + 1].set_title(f"spectrum {number}")
for axis in axes[0]:
    axis.set(xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
for axis in axes[1, 1:]:
    axis.set(xlabel="kx (1/nm)", ylabel="ky (1/nm)", xlim=(-8, 8), ylim=(8, -8), aspect="equal")
