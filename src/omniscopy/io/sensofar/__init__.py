"""Sensofar topographies, profiles and pictures (.plu)."""
