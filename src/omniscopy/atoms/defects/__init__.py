"""Where a crystal is not as it should be."""
