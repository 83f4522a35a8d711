"""Images of AIST-NT and Horiba SmartSPM microscopes (.aist)."""
