"""Images and spectra of Createc scanning tunnelling microscopes (.dat, .VERT)."""
