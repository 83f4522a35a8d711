"""diffraction."""
