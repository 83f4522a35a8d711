"""Variational autoencoders that know that things turn, shift and scale."""
