"""Atoms that move from frame to frame."""
