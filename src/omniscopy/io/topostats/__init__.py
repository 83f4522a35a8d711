"""Processed images of TopoStats (.topostats, HDF5)."""
