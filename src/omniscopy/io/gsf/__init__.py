"""Gwyddion Simple Field: one image of 4-byte numbers after a few lines of text (.gsf)."""
