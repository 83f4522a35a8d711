"""Tables of one dimension as text: spectra, profiles and results (.csv)."""
