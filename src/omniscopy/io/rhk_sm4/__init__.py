"""Images and spectra of RHK Technology controllers (.sm4, .sm3, .sm2)."""
