"""HDF5 files that the converter of Asylum Research makes of force maps (.h5 from .ARDF)."""
