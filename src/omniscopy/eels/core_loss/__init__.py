"""Ionisation edges: cross-sections, quantification, fine structure."""
