"""netCDF: files of labelled arrays, of version 4 (HDF5) and the classic versions before."""
