"""Files of the WSxM program: images, curves, volumes and movies (.stp, .top, .cur, .gsi ...)."""
