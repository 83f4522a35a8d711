"""
A function of one's own
=======================

Current against voltage, by a formula that is written down as text.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import omniscopy as om
from omniscopy.model import coordinate, labelled
from omniscopy.signal import Expression

bias = np.linspace(-2.0, 2.0, 81)
conductance = np.linspace(0.5, 1.5, 20)[:, None]
noise = np.random.default_rng(3).normal(0.0, 0.03, (20, 81))
axes = {"x": coordinate("x", np.arange(20.0), "nm"), "bias": coordinate("bias", bias, "V")}
values = conductance * bias + 0.2 * bias**3 + noise
current = labelled(xr.DataArray(values, axes, ("x", "bias")), units="nA", quantity="current")

fit = om.signal.fit_model(current, Expression("g*x + c*x**3", g=1.0, c=0.1), dim="bias")
print(fit)

# %%
# The parameters have units: nA/V, and nA/V³.

figure, panels = plt.subplots(1, 2, figsize=(9.0, 3.5), layout="constrained")
for place in (0, 19):
    current.isel(x=place).plot(ax=panels[0], marker=".", linestyle="", label=f"x = {place} nm")
panels[0].set(title="measured", xlabel="bias (V)", ylabel="current (nA)")
panels[0].legend()
panels[1].errorbar(fit["x"], fit["expression_g"], fit["expression_g_std"], fmt="o", label="found")
panels[1].plot(fit["x"], conductance, label="true")
panels[1].legend()
labels = panels[1].set(title="conductance", xlabel="x (nm)", ylabel="conductance (nA/V)")
