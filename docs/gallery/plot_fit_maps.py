"""
A model at every pixel
======================

A line on a decaying background is fitted to each spectrum of a map at once.
"""

import omniscopy as om
from omniscopy.signal import Exponential, Gaussian

data = om.samples.spectrum_image()
model = Gaussian() + Exponential()
fit = om.samples.line_fit()

# %%
# The fit of one pixel, and then the map of a parameter beside that of its standard deviation.

one = om.plot.fit_overlay(data, fit, model, at={"y": 3.0, "x": 8.0})

# %%

figure = om.plot.parameter_map(fit, "gaussian_amplitude")
