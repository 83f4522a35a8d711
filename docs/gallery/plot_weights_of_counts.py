"""
Three phases in few counts
==========================

Weights of counts make their noise white, so that weak lines are found beside a strong one.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import omniscopy as om

energy = np.linspace(0.0, 1.0, 256)


def line(centre, height):
    """Return a line of a spectrum."""
    return height * np.exp(-0.5 * ((energy - centre) / 0.015) ** 2)


# A strong line and a background are common to the phases; each has a weak line of its own.
common = 3.0 * np.exp(-4.0 * energy) + line(0.15, 60.0)
spectra = common + np.stack([line(0.5, 1.0), line(0.7, 1.2), line(0.85, 0.8)])
y, x = np.mgrid[:64, :64] / 64
fractions = np.stack([1.0 - 0.45 * (x + y), 0.9 * x, 0.9 * y], axis=-1)
rate = fractions @ spectra / (fractions @ spectra).sum(axis=-1).mean()

# %%
# How many components are above the noise, and how well the first three span the three spectra (1 if
# they are the same space), for spectra of more and more counts:

doses = np.geomspace(100.0, 30_000.0, 10)
ranks, cosines = np.zeros((2, len(doses), 2))
truth = np.linalg.qr(spectra.T)[0]
for row, dose in enumerate(doses):
    counts = np.random.default_rng(0).poisson(dose * rate)
    data = xr.DataArray(counts, dims=("y", "x", "energy"), attrs={"units": "counts"})
    for column, noise in enumerate((None, "poisson")):
        found = om.signal.decompose(data, 10, noise=noise)
        ranks[row, column] = om.signal.estimate_rank(found)["rank"]
        three = np.linalg.qr(found["components"].values[:3].T)[0]
        cosines[row, column] = np.linalg.svd(truth.T @ three, compute_uv=False)[-1]

figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
for column, name in enumerate(("as they are", "weighed")):
    axes[0].semilogx(doses, ranks[:, column], "o-", label=name)
    axes[1].semilogx(doses, cosines[:, column], "o-", label=name)
axes[0].axhline(3, color="grey", linestyle=":", label="spectra that there are")
axes[0].set(
    title="how many stand out", xlabel="counts of a spectrum",
    ylabel="components above noise, of 10", ylim=(0, 10.5),
)  # fmt: skip
axes[1].set(
    title="how well three of them span the truth", xlabel="counts of a spectrum",
    ylabel="cosine of the spaces", ylim=(-0.02, 1.02),
)  # fmt: skip
axes[0].legend(loc="center right")
