"""What is wrong in images, put right: scars, holes, noise."""
