"""Fast free transients: frequencies and amplitudes after a trigger."""
