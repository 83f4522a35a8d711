"""Surface data files of ISO 25178-71 (.sdf)."""
