"""4D-STEM data of the EMPAD camera: a description (.xml) beside plain frames (.raw)."""
