"""
How objects lie, without being told
===================================

A variational autoencoder learns pairs of spots, and tells the angle by which each is turned.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import omniscopy as om
from omniscopy.model import coordinate

rng = np.random.default_rng(0)
angle = rng.uniform(-40.0, 40.0, 200)
places = 0.05 * (np.arange(16) - 7.5)
y, x = np.meshgrid(places, places, indexing="ij")
far = 0.25 * np.stack([np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))])[:, :, None, None]
spots = [np.exp(-((y - a) ** 2 + (x - b) ** 2) / 0.011) for a, b in (np.zeros_like(far), far)]
values = sum(spots) + rng.normal(0.0, 0.03, (200, 16, 16))
axes = {name: coordinate(name, places, "nm", role="signal") for name in ("y", "x")}
patches = xr.DataArray(values, axes, ("point", "y", "x"), attrs={"units": "V"})

# One kind of objects needs no codes: all that differs is how they lie.
model = om.learn.VAE(latent_dim=0, rotation=30.0, hidden=64, anchors=6, pixels=0.3)
model.fit(patches, epochs=40, batch_size=24, learning_rate=2e-3, progress=False)
found = model.transform(patches)

figure, panels = plt.subplots(1, 3, figsize=(10.5, 3.3), layout="constrained")
for panel, number in zip(panels, (0, 1), strict=False):
    panel.pcolormesh(places, places, patches[number], cmap="gray")
    panel.set(title=f"turned by {angle[number]:.0f}°", xlabel="x (nm)", ylabel="y (nm)")
    panel.set_aspect("equal")
    panel.invert_yaxis()
panels[2].plot(angle, found["angle"], ".")
labels = panels[2].set(title="angles", xlabel="true (degrees)", ylabel="learnt (degrees)")
