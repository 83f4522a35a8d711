"""Intensities of atomic columns, and how many atoms they hold."""
