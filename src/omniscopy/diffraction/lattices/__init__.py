"""Lattices of discs, and their strain."""
