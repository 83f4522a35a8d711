"""Things in images that are looked for: blobs, and what looks like a template."""
