"""
Ronchigram of an aberrated lens
===============================

What a lens does to the phase over its aperture, the shadow of an amorphous film that follows, the
rings on which that is magnified without bound, and the probe that an aperture within them makes.
Called by a slider, this shows what each aberration does.
"""

import omniscopy as om

lens = {"voltage": 200e3, "aberrations": {"defocus": 500.0, "Cs": 1.2e7, "astigmatism": 80.0}}
pattern = om.simulate.ronchigram(aperture=20.0, pixels=192, **lens)
probe = om.simulate.probe(convergence_angle=8.0, size=20.0, sampling=0.2, **lens)
figure = om.plot.ronchigram(pattern, probe=probe["intensity"], title="200 kV, 50 nm underfocus")
figure
