"""
Hysteresis loops
================

Responses along a triangle of voltages are projected to loops, which nine parameters describe.
"""

import matplotlib.pyplot as plt

import omniscopy as om

loops = om.spm.project_loops(om.simulate.switching_maps((5, 6)))
fit = om.spm.fit_loops(loops)
switching = om.spm.switching_parameters(fit)
print(sorted(switching.data_vars))

figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained")
for place in (0, 5):
    response = 1e3 * loops["response"].isel(y=0, x=place)
    axes[0].plot(loops["bias"], response, ".-", label=f"pixel {place}")
axes[0].set(title="loops", xlabel="bias (V)", ylabel="response (mV)")
axes[0].legend()
maps = om.plot.signal(
    switching["switchable_polarization"], ax=axes[1], title="switchable polarization"
)
