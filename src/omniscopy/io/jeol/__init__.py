"""Projects of JEOL Analysis Station, and the images, maps and EDS streams in them."""
