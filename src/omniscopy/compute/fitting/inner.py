"""How the inner functions of the engine are compiled: only for each other, never for Python.

They stay plain functions of Python, and have no cache of their own: the function that calls them
all is kept as a whole. None of them makes an array, and references are not counted (`_nrt`):
threads would wait for each other's counters.
"""

from numba.extending import register_jitable

# Sums may be reordered so that they use vector registers; NaN and infinity stay what they are.
_REORDERED = {"reassoc", "contract", "nsz", "arcp"}

inner = register_jitable(error_model="numpy", _nrt=False)
inner_fast = register_jitable(error_model="numpy", _nrt=False, fastmath=_REORDERED)
