"""Centres, ellipses, scales and rotations of patterns."""
