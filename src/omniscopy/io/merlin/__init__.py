"""Frames of Quantum Detectors Merlin (Medipix) cameras (.mib)."""
