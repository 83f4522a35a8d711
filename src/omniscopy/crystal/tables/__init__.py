"""Published structures as a file."""
