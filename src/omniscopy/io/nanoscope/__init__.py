"""Bruker, Veeco and Digital Instruments Nanoscope images, force curves and force volumes."""
