"""Agilent and Molecular Imaging images and curves (.mi)."""
