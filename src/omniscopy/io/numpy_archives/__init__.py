"""Archives of arrays of NumPy without labels (.npz)."""
