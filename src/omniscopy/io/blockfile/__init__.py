"""NanoMEGAS block files: precession diffraction patterns of a scan (.blo)."""
