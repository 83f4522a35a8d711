"""Images and spectra of Omicron SCALA (.par, with files of data beside it)."""
