"""FRT MicroProf maps (.frt)."""
