"""Surfaces, profiles, images and spectra of Digital Surf MountainsMap (.sur, .pro)."""
