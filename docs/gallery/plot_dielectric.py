"""
Dielectric function from a low loss
===================================

The plasmon is fitted, and the Kramers-Kronig relations give the permittivity.
"""

import matplotlib.pyplot as plt

import omniscopy as om

low = om.eels.simulate_spectrum(
    dispersion=0.25,
    channels=800,
    t_over_lambda=0.3,
    plasmon_energy=15.0,
    plasmon_width=3.0,
    noise=False,
)
single = om.eels.deconvolve(low, method="fourier_log", resolution=3.0)
plasmon = om.eels.fit_plasmon(single)
found = om.eels.kramers_kronig(
    single,
    refractive_index=1000.0,
    zero_loss_intensity=om.eels.measure_thickness(low)["elastic_intensity"],
)
print(f"plasmon at {float(plasmon['energy']):.2f} eV")

figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.5), layout="constrained")
found["loss_function"].plot(ax=axes[0])
axes[0].set(title="loss function", xlim=(0.0, 50.0), xlabel="energy loss (eV)", ylabel="Im(-1/ε)")
found["permittivity_real"].plot(ax=axes[1], label="real")
found["permittivity_imaginary"].plot(ax=axes[1], label="imaginary")
axes[1].set(
    title="permittivity", xlim=(4.0, 50.0), ylim=(-8.0, 8.0), xlabel="energy loss (eV)", ylabel="ε"
)
legend = axes[1].legend()
