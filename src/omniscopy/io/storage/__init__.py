"""What the open formats share: trees as plain arrays and attributes, kept whole and restored."""
