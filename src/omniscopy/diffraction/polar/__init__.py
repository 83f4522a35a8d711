"""Patterns over distance and direction."""
