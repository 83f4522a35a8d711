"""Images, image stacks and Fourier transforms of Thermo Fisher Velox (EMD)."""
