"""Force spectroscopy: curves of force against height, and what they say."""
