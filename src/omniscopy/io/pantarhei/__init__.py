"""Images and spectra of PantaRhei (.prz)."""
