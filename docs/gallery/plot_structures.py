"""
Structures and their projections
================================

A crystal as balls and sticks, and its columns along a zone axis.
"""

import omniscopy as om

perovskite = om.crystal.structure("SrTiO3")
print(om.crystal.symmetry(perovskite).symbol)
first = om.plot.structure(perovskite, repeats=2, title="Strontium titanate")
first

# %%

figure = om.plot.projection(perovskite, (0, 1, 1), title="Columns along [011]")
figure
