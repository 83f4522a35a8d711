"""Images of single pixels of the bright-field disc: how they are shifted, and their sum."""
