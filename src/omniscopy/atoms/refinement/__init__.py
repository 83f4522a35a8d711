"""Positions, heights and shapes of atoms, fitted to an image."""
