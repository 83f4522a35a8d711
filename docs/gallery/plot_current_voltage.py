"""
Resistance by Bayesian inversion
================================

From the current under a sinusoidal bias: resistance with its uncertainty, and capacitance.
"""

import matplotlib.pyplot as plt
import numpy as np

import omniscopy as om

data = om.simulate.current_voltage((1, 3), rng=0)
bias = 6.0 * np.sin(2.0 * np.pi * 200.0 * data["time"])
bias.attrs["units"] = "V"
found = om.spm.invert_current_voltage(data, bias=bias, frequency=200.0)
print(f"capacitance {1e15 * float(found['capacitance'].mean()):.1f} fF")

figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.5), layout="constrained")
axes[0].plot(bias, data[0, 0], label="measured")
axes[0].set(title="current", xlabel="bias (V)", ylabel="current (nA)")
for branch in found["branch"].values:
    one = found.isel(y=0, x=0).sel(branch=branch)
    axes[1].fill_between(
        one["bias"], 1e9 * (one["conductance"] - one["conductance_std"]),
        1e9 * (one["conductance"] + one["conductance_std"]), alpha=0.4, label=str(branch),
    )  # fmt: skip
axes[1].set(title="conductance and its std", xlabel="bias (V)", ylabel="conductance (nS)")
legend = axes[1].legend()
