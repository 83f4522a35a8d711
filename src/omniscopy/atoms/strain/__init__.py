"""How atoms are displaced from an ideal lattice."""
