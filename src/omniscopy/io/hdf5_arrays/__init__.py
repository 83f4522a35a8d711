"""HDF5 files that follow no known convention: their arrays as they are."""
