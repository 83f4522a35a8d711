"""Roughness: heights, slopes, lengths and spectra of surfaces."""
