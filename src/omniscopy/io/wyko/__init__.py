"""Maps of Wyko interferometers (.opd)."""
