"""Single spectra of Bruker Esprit and of Bruker's X-ray fluorescence instruments (.spx)."""
