"""Force curves that afmformats reads for us."""
