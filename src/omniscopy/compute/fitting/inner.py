"""How the inner functions of the engine are compiled: only for each other, never for Python.

They stay plain functions of Python, and have no cache of their own: the function that calls them
all is kept as a whole.
"""

from numba.extending import register_jitable

# Sums may be reordered so that they use vector registers; NaN and infinity stay what they are.
_REORDERED = {"reassoc", "contract", "nsz", "arcp"}

inner = register_jitable(error_model="numpy")
inner_fast = register_jitable(error_model="numpy", fastmath=_REORDERED)
