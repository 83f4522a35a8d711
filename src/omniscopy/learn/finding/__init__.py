"""Finding atoms with networks."""
