"""Projects and data of WITec (.wip, .wid): Raman spectra, maps and images."""
