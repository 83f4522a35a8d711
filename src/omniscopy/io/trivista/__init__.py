"""Spectra of TriVista spectrometers (.tvf)."""
