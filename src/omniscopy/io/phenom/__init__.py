"""Projects of Phenom microscopes: images with EDS spectra, lines and maps (.elid)."""
