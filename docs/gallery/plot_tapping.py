"""
A tapping cantilever
====================

Simulated amplitude, phase and dissipated energy as the tip comes closer to a surface.
"""

import matplotlib.pyplot as plt
import numpy as np

import omniscopy as om

curve = om.simulate.tapping(np.linspace(30.0, 8.0, 12), quality_factor=30.0, viscosity=300.0)
distance = curve[next(iter(curve["amplitude"].dims))]

figure, axes = plt.subplots(1, 3, figsize=(11.5, 3.2), layout="constrained")
for axis, name in zip(axes, ("amplitude", "phase", "dissipation"), strict=True):
    axis.plot(distance, curve[name], "o-")
    axis.set(title=name, xlabel="distance (nm)", ylabel=f"{name} ({curve[name].attrs['units']})")
