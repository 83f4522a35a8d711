"""Backgrounds of core losses."""
