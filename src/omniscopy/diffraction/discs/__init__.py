"""Discs of patterns: templates, and where the discs are."""
