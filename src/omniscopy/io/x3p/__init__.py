"""Surfaces of ISO 25178-72 (.x3p)."""
