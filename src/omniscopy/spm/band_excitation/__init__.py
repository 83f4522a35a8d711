"""Band excitation: resonances, hysteresis loops, relaxations."""
