"""
Speckles that fade
==================

Atoms of a glass move, and its speckles fade: correlations in time say how fast, for each ring.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import omniscopy as om

# Waves that forget themselves with a rate of D k²: noise with a memory, seen with few counts.
rng = np.random.default_rng(0)
diffusion, frames = 0.02, 600
k = 0.2 * (np.arange(48) - 24)
memory = np.exp(-diffusion * (k[:, None] ** 2 + k**2))
wave = rng.normal(size=(2, 48, 48))
counts = np.empty((frames, 48, 48))
for frame in range(frames):
    wave = memory * wave + np.sqrt(1 - memory**2) * rng.normal(size=wave.shape)
    counts[frame] = rng.poisson(2.0 * (wave**2).sum(axis=0))
speckles = xr.DataArray(
    counts,
    {
        "time": ("time", 1.0 * np.arange(frames), {"units": "s"}),
        **{dim: (dim, k, {"units": "1/nm"}) for dim in ("ky", "kx")},
    },
    attrs={"units": "counts", "long_name": "Speckles"},
)
found = om.diffraction.measure_time_correlation(
    speckles, step=0.5, outer=4.5, longest=20.0, centre=(0.0, 0.0)
)
rings = found["correlation"].sel(k=slice(1.5, None))
decay = om.signal.fit_model(
    rings, om.signal.Exponential() + om.signal.Offset(value=om.signal.Fixed(1.0)), dim="lag"
)
# An intensity forgets itself twice as fast as its wave.
rate = 1 / (2 * decay["exponential_decay"])

figure, axes = plt.subplots(1, 3, figsize=(12.0, 3.5), layout="constrained")
om.plot.signal(speckles[0], ax=axes[0], title="a frame")
for place in (2.25, 3.25, 4.25):
    curve = found["correlation"].sel(k=place, method="nearest")
    axes[1].plot(found["lag"], curve, label=f"k = {float(curve['k']):.2f} 1/nm")
axes[1].set(title="correlations", xlabel="lag (s)", ylabel="g₂")
axes[1].legend()
axes[2].plot(rate["k"] ** 2, rate, "o", label="found")
axes[2].plot(rate["k"] ** 2, diffusion * rate["k"] ** 2, "0.6", label="true")
axes[2].set(title="rates", xlabel="k² (1/nm²)", ylabel="rate (1/s)")
legend = axes[2].legend()
