"""Byte-level writers of vendors' formats, for tests and for the demo."""
