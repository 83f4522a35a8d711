"""Strain of lattices in images."""
