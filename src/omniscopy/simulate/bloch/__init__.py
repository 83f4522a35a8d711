"""Patterns of crystals in which all beams scatter into each other: Bloch waves."""
