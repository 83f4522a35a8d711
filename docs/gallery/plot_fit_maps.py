"""
A model at every pixel
======================

A line on a constant background is fitted to each spectrum of a map at once.
"""

import numpy as np
import xarray as xr

import omniscopy as om
from omniscopy.model import coordinate
from omniscopy.signal import Lorentzian, Offset

# %%
# A line that moves along x and grows along y, with the noise of its counts.

rows = [
    [
        om.simulate.spectrum(
            [(2.2 + 0.02 * x, 0.15, 300.0 + 60.0 * y)], channels=160, rng=12 * y + x
        )
        for x in range(12)
    ]
    for y in range(8)
]
data = xr.concat([xr.concat(row, "x") for row in rows], "y").assign_coords(
    y=coordinate("y", 5.0 * np.arange(8), "nm"), x=coordinate("x", 5.0 * np.arange(12), "nm")
)

# %%
# The noise is that of counts, which the likelihood of the fit says: no weights are needed.

model = Lorentzian() + Offset()
fit = om.signal.fit_model(data, model, likelihood="poisson")
one = om.plot.fit_overlay(data, fit, model, at={"y": 15.0, "x": 40.0})
one

# %%
# The map of a parameter beside that of its standard deviation.

figure = om.plot.parameter_map(fit, "lorentzian_centre")
figure
