"""
Lines of higher Laue zones
==========================

Dark lines in the central disc of a convergent beam, where Bloch waves have them, and where
voltage and lattice put them.
"""

import omniscopy as om

beam = {"zone": (1, 1, 1), "voltage": 100e3, "convergence_mrad": 6.0}
discs = om.simulate.cbed_discs(
    "Si", thickness=1500.0, pixels=64, limit=2.6, largest_excitation=0.01, **beam
)
lines = om.simulate.holz_lines("Si", dynamical=True, **beam)
central = discs["intensity"].isel(thickness=0, beam=0)
figure = om.plot.line_pattern(lines, over=central, title="Silicon [111], 100 kV")
figure
