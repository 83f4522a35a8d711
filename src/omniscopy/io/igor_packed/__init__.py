"""Packed experiments of Igor Pro (.pxp)."""
