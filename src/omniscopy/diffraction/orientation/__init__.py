"""Orientations of crystals, found by comparing patterns with those of a library."""
