"""Patterns of crystals whose beams are scattered once: spots, rings and lines."""
