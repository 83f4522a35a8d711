"""Phases of thin objects from overlapping patterns: what interferes is deconvolved or fitted."""
