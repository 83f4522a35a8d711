"""Bruker Dektak profiles and maps (.opdx)."""
