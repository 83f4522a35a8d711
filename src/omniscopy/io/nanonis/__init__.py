"""Scans of SPECS Nanonis controllers (.sxm)."""
