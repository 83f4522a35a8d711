"""Logs of Protochips holders (.csv)."""
