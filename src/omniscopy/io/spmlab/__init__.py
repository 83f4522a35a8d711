"""Images of ThermoMicroscopes SPMLab (.zfr and its kin)."""
