"""Least squares for many spectra at once: a compiled engine and its plain twin."""
