"""Images brought to the same place: stacks that drift, scans that are distorted."""
