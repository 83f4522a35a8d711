"""BCR and BCRF maps of SPIP and others."""
