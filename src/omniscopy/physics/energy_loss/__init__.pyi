__all__ = ["cross_sections", "geometry", "mean_free_paths", "plasmons", "shells", "zero_losses"]

from . import cross_sections, geometry, mean_free_paths, plasmons, shells, zero_losses
