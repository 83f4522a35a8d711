"""Atoms found in images."""
