"""
Currents without their noise
============================

A record of current is filtered in the frequency domain, and kept by the few numbers that are left.
"""

import matplotlib.pyplot as plt

import omniscopy as om
from omniscopy.signal import LowPass

data = om.simulate.current_voltage(noise=0.2, rng=0)
filtered = om.spm.filter_general_mode(data, [LowPass(5e3)])
small = om.spm.condense(data, [LowPass(5e3)])
print(f"{small.sizes['frequency']} of {data.sizes['time']} numbers are kept")

figure, axis = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
axis.plot(1e3 * data["time"], data[0, 0], color="0.7", label="measured")
axis.plot(1e3 * data["time"], filtered[0, 0], label="below 5 kHz")
axis.set(title="current of one pixel", xlabel="time (ms)", ylabel="current (nA)")
legend = axis.legend()
