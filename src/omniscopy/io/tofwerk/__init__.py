"""Tofwerk TofDAQ files: mass spectra of what an ion beam mills, in HDF5."""
