"""Figures of positions of atoms, and of what their arrangement says."""
