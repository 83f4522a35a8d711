"""
Band excitation
===============

A damped oscillator is fitted to the complex spectrum of each pixel of a ferroelectric.
"""

import matplotlib.pyplot as plt

import omniscopy as om

spectra = om.simulate.band_excitation((24, 30), rng=0)
fit = om.spm.fit_oscillator(spectra)

figure, axes = plt.subplots(1, 3, figsize=(12.0, 3.2), layout="constrained")
abs(spectra[0, 0]).plot(ax=axes[0], marker=".", linestyle="")
axes[0].set(title="one spectrum", ylabel="amplitude (V)")
fit["resonance_frequency"].plot(ax=axes[1], yincrease=False)
fit["phase"].plot(ax=axes[2], yincrease=False, cmap="RdBu")
axes[1].set(title="resonance", aspect="equal")
labels = axes[2].set(title="phase: two domains", aspect="equal")
