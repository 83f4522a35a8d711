"""The keys of a Ripple table, and where the vocabulary of metadata has them."""

# Extents of the values: columns, rows and what lies behind each pixel.
EXTENTS = ("height", "width", "depth")
DETAILS = ("name", "origin", "scale", "units")
# key -> path of the metadata, and what its number is multiplied by to be in their units
NUMBERS: dict[str, tuple[str, float]] = {
    "beam-energy": ("beam.voltage", 1e3),
    "convergence-angle": ("beam.convergence_angle", 1.0),
    "collection-angle": ("detector.collection_angle", 1.0),
    "live-time": ("detector.live_time", 1.0),
    "elevation-angle": ("detector.elevation_angle", 1.0),
    "azimuth-angle": ("detector.azimuth_angle", 1.0),
    "tilt-stage": ("stage.alpha", 1.0),
}
# start of the type of the signal -> dimension and modality
SIGNALS = {"EELS": ("energy_loss", "EELS"), "EDS": ("energy", "EDS"), "CL": ("wavelength", "CL")}
# A key of our own; other programs read past keys that they do not know.
NOTE = "omniscopy"
