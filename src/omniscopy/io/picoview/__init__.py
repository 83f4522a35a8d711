"""Agilent and Molecular Imaging images (.mi)."""
