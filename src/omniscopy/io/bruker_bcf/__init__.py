"""Maps of Bruker Esprit: spectrum images, spectra and images (.bcf)."""
