"""Networks made of convolutions."""
