"""Folders of fast free transients: an Igor wave for each line, and settings beside them."""
