"""Logs of DENSsolutions Impulse (.csv)."""
