"""Zarr stores: folders of chunked, compressed arrays, and OME-Zarr images."""
