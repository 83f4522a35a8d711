"""Masks and grains of images."""
