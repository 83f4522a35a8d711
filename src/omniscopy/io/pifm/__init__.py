"""Scans of Anfatec controllers, PiFM of Molecular Vista among them (.txt with .int)."""
