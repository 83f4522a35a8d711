"""Figures of crystals, of their patterns, and of the rays that make them."""
