"""The numbers by which both engines decide."""

# Damping, as part of the largest diagonal so far: at first, least, and beyond hope.
FIRST, LEAST, HOPELESS = 1e-2, 1e-14, 1e14
# Part of the sum of squares of the data that is rounding; and of the cost, a gain that is.
ROUNDING, NO_GAIN = 1e-28, 1e-14
# Length of a step, as part of the parameters, up to which what it gains is as foretold.
SHORT = 1e-3
# Share of what a parameter has above 0 that a step may take from it.
SHARE = 0.9
# Logarithm of the factor of an amplitude that is carried along, up to which it is.
CARRIED = 3.0
# What is left of a column when the others are taken from it, squared, below which it is nothing.
SINGULAR = 1e-13
# Expected counts below this part of their mean count as if they were it.
FAINT = 1e-10
# Where a loss bends down, it counts as holding the model by this share of how it pulls: nearly
# that of a parabola above the loss, which leads down from afar, where true curvature leads astray.
BENT = 0.75
