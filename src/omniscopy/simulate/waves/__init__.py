"""Fast electrons that pass through a sample slice by slice, and what detectors see of them."""
