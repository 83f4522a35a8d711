"""
Spots of a tilted crystal
=========================

A zone axis of silicon, with forbidden spots by double diffraction and the Kikuchi lines.
"""

import omniscopy as om

view = {"zone": (0, 1, 1), "voltage": 200e3, "tilt": (0.3, 0.2)}
spots = om.simulate.spot_pattern("Si", thickness=100.0, **view)
lines = om.simulate.kikuchi_lines("Si", **view)
figure = om.plot.spot_pattern(spots, lines=lines, title="Silicon near [011]")
figure
