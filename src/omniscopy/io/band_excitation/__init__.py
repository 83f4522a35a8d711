"""Folders of the band-excitation system: text parameters, headerless spectra and records."""
