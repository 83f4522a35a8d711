"""Sums, detectors, centres of mass and profiles of patterns, all in one read."""
