"""Files of NT-MDT probe microscopes (.mdt)."""
