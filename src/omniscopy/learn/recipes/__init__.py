"""Recipes of the weights that come with the package: what is learnt from what."""
