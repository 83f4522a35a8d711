"""Tips: what they do to images, and what images say of them."""
