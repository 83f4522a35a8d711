"""What lenses make of electrons: probes, contrast transfer, shadow images."""
