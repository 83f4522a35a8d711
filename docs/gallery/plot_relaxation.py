"""
Relaxation after a pulse
========================

How the response of each point dies away, by an exponential.
"""

import matplotlib.pyplot as plt

import omniscopy as om

data = om.samples.relaxation()
fit = om.spm.fit_relaxation(data, "exponential")

figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.4), layout="constrained")
for x in (0, 3):
    axes[0].plot(data["time"], 1e3 * data[0, x], ".", label=f"column {x}")
axes[0].set(title="responses", xlabel="time (s)", ylabel="response (mV)")
axes[0].legend()
maps = om.plot.signal(fit["time_constant"], ax=axes[1], title="time constant")
