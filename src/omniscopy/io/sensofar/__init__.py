"""Sensofar topographies (.plu)."""
