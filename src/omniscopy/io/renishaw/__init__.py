"""Raman and photoluminescence measurements of Renishaw WiRE (.wdf)."""
