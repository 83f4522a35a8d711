"""Gatan DigitalMicrograph files of version 5: the tags of DM4 in an HDF5 container."""
