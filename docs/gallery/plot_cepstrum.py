"""
Strain from cepstra
===================

Distances in the crystal are peaks of the cepstrum, which hardly knows how bright the discs are.
"""

import matplotlib.pyplot as plt
import numpy as np

import omniscopy as om

data = om.simulate.nanobeam_4d(
    (4, 12), (96, 100), g=((2.2, 0.3), (-0.3, 2.4)), radius=0.6, reach=4, rotation=0.0, counts=2e5
)
lattice = om.diffraction.fit_cepstrum(data)
strain = om.diffraction.measure_strain(lattice, {"x": slice(0.0, 10.0)})
pattern = data[0, 0].values
window = np.hanning(96)[:, None] * np.hanning(100)
cepstrum = np.abs(np.fft.fft2(window * np.log(pattern + 0.3 * pattern.mean())))
y, x = (np.fft.fftshift(np.fft.fftfreq(size, 0.2)) for size in pattern.shape)

figure, axes = plt.subplots(1, 3, figsize=(12.0, 3.5), layout="constrained")
om.plot.signal(data[0, 0], ax=axes[0], title="a pattern")
axes[1].pcolormesh(x, y, np.fft.fftshift(cepstrum), cmap="magma", vmax=150.0)
axes[1].set(title="its cepstrum", xlabel="x (nm)", ylabel="y (nm)", xlim=(-1, 1), ylim=(1, -1))
axes[1].set_aspect("equal")
for name, truth, colour in (("xx", 2.0, "C0"), ("yy", -1.0, "C1")):
    axes[2].plot(strain["x"], 100 * strain[f"strain_{name}"].T, f"{colour}.")
    axes[2].step(strain["x"], np.where(strain["x"] < 11.0, 0.0, truth), colour, where="mid")
    axes[2].plot([], [], f"{colour}.-", label=f"strain {name}, and true")
axes[2].set(title="all rows of the scan", xlabel="x (nm)", ylabel="strain (%)")
axes[2].set_ylim(-1.8, 3.6)
legend = axes[2].legend(loc="upper left")
