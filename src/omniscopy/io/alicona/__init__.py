"""Alicona Imaging topographies (.al3d)."""
