"""Files of Nanosurf probe microscopes (.nid)."""
