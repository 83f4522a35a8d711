"""Images and spectra of Andor Solis (.sif)."""
