"""Bonds between atoms, and the polygons that they make."""
