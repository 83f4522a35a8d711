"""Grids of spectra of SPECS Nanonis controllers (.3ds)."""
