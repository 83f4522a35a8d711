"""What is the same in reading and writing tables.

Line 1 is a comment that holds what brings back labels and history, line 2 the names of the columns
with their units, each further line a row: `pandas.read_csv(path, comment="#")` and
`numpy.loadtxt(path, delimiter=",", skiprows=2)` read it.
"""

START = "# Omniscopy table 1 "
LINES_BEFORE = 2
