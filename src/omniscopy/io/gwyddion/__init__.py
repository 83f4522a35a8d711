"""Native files of the Gwyddion program (.gwy)."""
