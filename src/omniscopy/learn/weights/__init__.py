"""Weights that come with the package, learnt from simulated scenes alone."""
