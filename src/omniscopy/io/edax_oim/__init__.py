"""Orientation maps of EDAX OIM in HDF5 (.oh5, .h5)."""
