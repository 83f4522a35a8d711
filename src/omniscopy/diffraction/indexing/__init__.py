"""Rings and spots named by the reflections of crystals."""
