"""Formulas and tables: NumPy in, NumPy out; no labels, no files."""
