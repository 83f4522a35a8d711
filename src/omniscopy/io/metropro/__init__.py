"""Zygo MetroPro maps (.dat)."""
