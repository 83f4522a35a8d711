"""Topographies of microscopes and profilometers that SurfaceTopography reads for us."""
