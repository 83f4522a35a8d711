"""Thickness, and mean free paths."""
