"""Near-field spectra of neaSPEC microscopes (.txt)."""
