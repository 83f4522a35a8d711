"""
Contrast transfer and Thon rings
================================

An image of an amorphous film out of focus; the rings in its spectrum tell the defocus.
"""

import matplotlib.pyplot as plt

import omniscopy as om

lens = {"defocus": 1500.0, "Cs": 1.2e7}
film = om.simulate.amorphous_film((192, 192), sampling=1.0, rng=1)
image = om.simulate.tem_image(film, voltage=200e3, aberrations=lens, focal_spread=40.0)
fit = om.simulate.fit_thon_rings(image, voltage=200e3, aberrations={"Cs": 1.2e7})
transfer = om.simulate.contrast_transfer(
    voltage=200e3, aberrations=lens, limit=0.4, focal_spread=40.0
)
spectrum = om.image.power_spectrum(image)

figure, axes = plt.subplots(1, 3, figsize=(12.0, 3.4), layout="constrained")
image.plot(ax=axes[0], yincrease=False, cmap="gray", add_colorbar=False)
axes[0].set(title="image", xlabel="x (Å)", ylabel="y (Å)", aspect="equal")
(spectrum**0.25).plot(ax=axes[1], cmap="magma", add_colorbar=False)
axes[1].set(
    title="Thon rings", xlabel="kx (1/Å)", ylabel="ky (1/Å)", xlim=(-0.35, 0.35),
    ylim=(0.35, -0.35), aspect="equal",
)  # fmt: skip
axes[2].plot(transfer["k"], transfer["transfer"])
axes[2].set(
    title=f"defocus found: {float(fit['defocus']):.0f} Å", xlabel="k (1/Å)", ylabel="transfer"
)
