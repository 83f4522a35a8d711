"""How good images are: statistics, focus, resolution."""
