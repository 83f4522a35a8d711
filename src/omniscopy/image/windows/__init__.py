"""Images cut into windows that overlap: cleaned, transformed, put together again."""
