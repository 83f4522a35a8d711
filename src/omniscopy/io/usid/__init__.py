"""USID: universal spectroscopy and imaging data in HDF5, tables of positions by steps."""
