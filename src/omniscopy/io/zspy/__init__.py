"""Signals of HyperSpy in Zarr stores (.zspy): folders, or packed in one file."""
