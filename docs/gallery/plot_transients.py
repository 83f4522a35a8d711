"""
Fast free transients
====================

A cantilever's frequency after a change that is faster than its ringing.
"""

import matplotlib.pyplot as plt

import omniscopy as om

data = om.samples.transients()
followed = om.spm.instantaneous_frequency(data, trigger=2e-4, drive_frequency=60e3, step=5)
peaks = om.spm.fit_first_peak(followed)
simulated = om.simulate.cantilever(
    tau=[3e-6, 1e-5, 3e-5, 1e-4], resonance_frequency=60e3, quality_factor=60, spring_constant=2.0,
    force=1e-11, frequency_shift=-80.0, trigger=2e-4, duration=1e-3, sampling_rate=1e6,
)  # fmt: skip
known = om.spm.fit_first_peak(
    om.spm.instantaneous_frequency(simulated, trigger=2e-4, drive_frequency=60e3, step=5)
)
tau = om.spm.calibrate_tau(peaks, known)["tau"]

figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.4), layout="constrained")
for x in range(3):
    axes[0].plot(
        1e3 * followed["time"],
        followed["frequency"][0, x],
        label=f"τ = {1e6 * float(tau[0, x]):.0f} µs",
    )
axes[0].set(title="frequency after the trigger", xlabel="time (ms)", ylabel="frequency (Hz)")
axes[0].legend()
(1e6 * tau).plot(ax=axes[1], yincrease=False, cbar_kwargs={"label": "τ (µs)"})
labels = axes[1].set(title="time of the sample", xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
