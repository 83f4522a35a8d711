"""Point spectra and other curves of SPECS Nanonis controllers (.dat)."""
