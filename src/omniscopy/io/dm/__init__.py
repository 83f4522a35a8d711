"""Gatan DigitalMicrograph files (DM3, DM4)."""
