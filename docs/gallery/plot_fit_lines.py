"""
Lines of a spectrum
===================

Baseline, peaks, and a fit of their sum, with standard deviations.
"""

import omniscopy as om
from omniscopy.signal import Lorentzian, Offset

data = om.samples.spectrum()
flat = om.signal.subtract_baseline(data)
peaks = om.signal.find_peaks(flat)
print(peaks["position"].values)

# %%
# The places of the peaks are where the fit of the whole spectrum starts; its noise is that of
# counts.

model = Lorentzian() + Lorentzian() + Lorentzian() + Offset()
fit = om.signal.fit_model(data, model, likelihood="poisson")
print(fit)
figure = om.plot.fit_overlay(data, fit, model, title="Three lines of cathodoluminescence")
figure
