"""
Roughness and its spectrum
==========================

Parameters of ISO 25178, and the power spectral density of a self-affine surface.
"""

import matplotlib.pyplot as plt

import omniscopy as om

surface = om.simulate.random_surface((128, 128), rms=1.0, hurst=0.8, rng=1)
measured = om.image.measure_roughness(surface)
spectrum = om.image.power_spectral_density(surface, along="radial")
names = ("sa", "sq", "ssk", "sku", "sz")
print({name: round(float(measured[name]), 3) for name in names})

figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.5), layout="constrained")
om.plot.signal(surface, ax=axes[0], title=f"sq = {float(measured['sq']):.2f} nm")
axes[1].loglog(spectrum["k"][1:-1], spectrum[1:-1])
labels = axes[1].set(xlabel="spatial frequency (1/nm)", ylabel="power spectral density (nm³)")
