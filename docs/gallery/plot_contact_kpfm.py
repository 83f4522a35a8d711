"""
Contact Kelvin probe
====================

Responses after pulses of writing, at several biases of reading: where they vanish is the potential.
"""

import matplotlib.pyplot as plt

import omniscopy as om

data = om.samples.contact_kpfm()
found = om.spm.analyse_contact_kpfm(data, branch="falling")
mean = data.mean(("y", "x"))

figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained")
for read in range(0, mean.sizes["read_bias"], 2):
    label = f"read at {float(mean['read_bias'][read]):.1f} V"
    axes[0].plot(mean["write_bias"], 1e3 * mean.isel(read_bias=read), "o-", label=label)
axes[0].set(title="mean response", xlabel="bias of writing (V)", ylabel="response (mV)")
axes[0].margins(y=0.35)
axes[0].legend(ncols=2, loc="upper left")
potential = found["contact_potential"].mean(("y", "x"))
axes[1].plot(found["write_bias"], potential, "o-")
labels = axes[1].set(
    title="contact potential", xlabel="bias of writing (V)", ylabel="potential (V)"
)
