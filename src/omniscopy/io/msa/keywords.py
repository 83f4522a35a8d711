"""The keywords of ISO 22029, and where the vocabulary of metadata has them."""

# keyword -> path of the metadata, and what its number is multiplied by to be in their units
NUMBERS: dict[str, tuple[str, float]] = {
    "BEAMKV": ("beam.voltage", 1e3),
    "PROBECUR": ("beam.current", 1e-9),
    "MAGCAM": ("beam.magnification", 1.0),
    "CONVANGLE": ("beam.convergence_angle", 1.0),
    "COLLANGLE": ("detector.collection_angle", 1.0),
    "INTEGTIME": ("detector.exposure_time", 1e-3),
    "LIVETIME": ("detector.live_time", 1.0),
    "REALTIME": ("detector.real_time", 1.0),
    "ELEVANGLE": ("detector.elevation_angle", 1.0),
    "AZIMANGLE": ("detector.azimuth_angle", 1.0),
    "XTILTSTGE": ("stage.alpha", 1.0),
    "YTILTSTGE": ("stage.beta", 1.0),
    "XPOSITION": ("stage.x", 1e-3),
    "YPOSITION": ("stage.y", 1e-3),
    "ZPOSITION": ("stage.z", 1e-3),
}
TEXTS = {
    "TITLE": "title",
    "OWNER": "operator",
    "COMMENT": "comment",
    "OPERMODE": "beam.mode",
    "EDSDET": "detector.name",
    "ELSDET": "detector.name",
}
# signal type -> dimension and modality
SIGNALS = {
    "EDS": ("energy", "EDS"),
    "ELS": ("energy_loss", "EELS"),
    "WDS": ("energy", "WDS"),
    "AES": ("energy", "AES"),
    "PES": ("energy", "PES"),
    "XRF": ("energy", "XRF"),
    "CLS": ("energy", "CL"),
    "CL": ("energy", "CL"),
    "GAM": ("energy", "gamma"),
}
SIGNAL_TYPES = {modality: name for name, (_, modality) in reversed(SIGNALS.items())}
# A keyword of our own, as the standard allows them with two signs.
NOTE = "#OMNISCOPY"
