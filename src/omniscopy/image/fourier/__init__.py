"""Images as sums of waves: spectra, spots, and filters of frequencies."""
