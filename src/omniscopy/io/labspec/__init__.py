"""Spectra, lines and maps that HORIBA LabSpec exported (.xml)."""
