"""Fields that Gwyddion exports as text."""
