"""Movies of high-speed atomic force microscopes of the RIBM kind (.asd)."""
