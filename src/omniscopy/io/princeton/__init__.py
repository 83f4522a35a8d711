"""Images and spectra of Princeton Instruments cameras (.spe)."""
