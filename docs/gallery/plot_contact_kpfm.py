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
mean.plot(ax=axes[0])
axes[0].set_title("mean response (V)")
potential = found["contact_potential"].mean(("y", "x"))
axes[1].plot(found["write_bias"], potential, "o-")
labels = axes[1].set(
    title="contact potential", xlabel="bias of writing (V)", ylabel="potential (V)"
)
