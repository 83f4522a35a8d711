"""EDS maps and spectra of EDAX Genesis and TEAM (.spd, .spc, .ipr)."""
