"""EMSA/MAS spectra, the text format of ISO 22029 (.msa, .emsa)."""
