"""Tools for testing code that works on measurements: sample files, strategies, suites."""
