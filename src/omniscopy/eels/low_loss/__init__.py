"""Deconvolution, dielectric function and plasmons."""
