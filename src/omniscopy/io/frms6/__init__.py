"""Series of frames of the pnCCD cameras of PNDetector (.frms6)."""
