"""Documents of Analysis Studio, of nanoIR microscopes (.axz, .axd)."""
