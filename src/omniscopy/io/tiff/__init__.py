"""TIFF images and stacks, with the calibrations that microscopes hide in their tags."""
