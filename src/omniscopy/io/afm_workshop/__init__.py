"""Force curves of AFMWorkshop (.csv)."""
