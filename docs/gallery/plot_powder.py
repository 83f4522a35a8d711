"""
Rings named by a structure
==========================

The rings that grains of aluminium make, with their indices.
"""

import omniscopy as om

rings = om.simulate.ring_pattern("Al", voltage=200e3, grain_size=80.0)
figure = om.plot.ring_pattern(rings, title="Aluminium, grains of 8 nm, 200 kV")
figure
