"""NSID: N-dimensional spectroscopy and imaging data in HDF5."""
