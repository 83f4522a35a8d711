"""Levels of images: planes, polynomials, facets, rows, backgrounds."""
