"""What a camera does to patterns, undone: pixels, dark and gain, electrons one by one."""
