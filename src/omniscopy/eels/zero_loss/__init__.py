"""The zero-loss peak: alignment, models, removal."""
