"""Nanosurf Studio files (.nhf)."""
