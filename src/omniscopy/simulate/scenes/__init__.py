"""Images of atoms with everything that makes real ones difficult, and the exact truth."""
