"""Arrays of NumPy without labels (.npy)."""
