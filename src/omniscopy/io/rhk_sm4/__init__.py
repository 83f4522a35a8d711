"""Images and spectra of RHK Technology controllers (.sm4)."""
