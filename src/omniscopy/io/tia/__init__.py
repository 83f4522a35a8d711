"""FEI TIA series of images and spectra (.ser) with their descriptions (.emi)."""
