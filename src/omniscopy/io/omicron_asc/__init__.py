"""Text that SPIP exports of Omicron scans and spectroscopy (.asc)."""
