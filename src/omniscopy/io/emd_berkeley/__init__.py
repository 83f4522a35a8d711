"""EMD files of Berkeley (NCEM), Prismatic and py4DSTEM."""
