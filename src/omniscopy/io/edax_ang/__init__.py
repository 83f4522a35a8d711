"""Orientation maps of EDAX OIM (TSL) as text."""
