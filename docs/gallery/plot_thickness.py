"""
Thickness from low losses
=========================

Aligned zero losses, and the logarithm of the ratio of all electrons to those without a loss.
"""

import matplotlib.pyplot as plt

import omniscopy as om

wedge = om.simulate.phase_map((8, 12))
low = om.eels.simulate_spectrum(
    dispersion=0.5,
    channels=512,
    t_over_lambda=0.3 + 0.5 * wedge,
    zero_loss_shift=wedge,
    electrons=4e5,
)
aligned = om.eels.align_zero_loss(low)["aligned"].sel(energy_loss=slice(-15.0, 230.0))
found = om.eels.measure_thickness(aligned, density=4.23)

figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.4), layout="constrained")
for x in (0, 11):
    aligned[0, x].plot(ax=axes[0], label=f"t/λ = {float(found['t_over_lambda'][0, x]):.2f}")
axes[0].set(
    yscale="log", ylim=(10.0, None), title="aligned spectra", xlabel="energy loss (eV)",
    ylabel="counts",
)  # fmt: skip
axes[0].legend()
maps = om.plot.signal(found["thickness"], ax=axes[1], title="thickness")
