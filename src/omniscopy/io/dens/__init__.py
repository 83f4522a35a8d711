"""Logs of the DENSsolutions Digiheater (.dens)."""
