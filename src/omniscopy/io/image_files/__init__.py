"""Pictures for the eye: PNG, JPEG, BMP and GIF."""
