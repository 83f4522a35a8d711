"""Lattices found in positions of atoms, and the indices of atoms in them."""
