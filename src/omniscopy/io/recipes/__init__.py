"""Chains of operations as small files, applied to many measurements."""
