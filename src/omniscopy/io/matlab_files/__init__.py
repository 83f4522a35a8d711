"""MATLAB files: what the programs of scanning probes keep in them, and plain arrays."""
