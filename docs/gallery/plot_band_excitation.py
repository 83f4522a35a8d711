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
om.plot.signal(abs(spectra[0, 0]), ax=axes[0], title="one spectrum")
om.plot.signal(fit["resonance_frequency"], ax=axes[1], title="resonance")
maps = om.plot.signal(fit["phase"], ax=axes[2], title="phase: two domains")
