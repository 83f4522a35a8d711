"""What surrounds each atom."""
