"""Cathodoluminescence of Delmic SPARC (Odemis, HDF5)."""
