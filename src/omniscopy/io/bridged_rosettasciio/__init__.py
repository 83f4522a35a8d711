"""Formats of electron microscopy and spectroscopy that RosettaSciIO reads for us."""
