"""Oxford Instruments AZtec files (H5OINA): EDS and EBSD maps and electron images in HDF5."""
