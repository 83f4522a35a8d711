"""Results of the MATRIX control system that access2thematrix reads for us."""
