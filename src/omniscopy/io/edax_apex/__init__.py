"""Projects of EDAX APEX (.edaxh5): spectrum images, spectra, maps and images."""
