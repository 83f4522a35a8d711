"""Diffraction series and images of NanoMEGAS Topspin (.app5)."""
