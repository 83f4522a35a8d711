"""Movies of JPK and Bruker BioAFMs that image fast, such as the NanoRacer (.h5-jpk)."""
