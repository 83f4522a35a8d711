"""Signals of HyperSpy in HDF5 (.hspy, .hdf5)."""
