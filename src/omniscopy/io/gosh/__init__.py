"""Tables of generalised oscillator strengths (.gosh, HDF5)."""
