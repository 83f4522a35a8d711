"""Mass spectra of Pfeiffer Quadstar (.sac, .sbc)."""
