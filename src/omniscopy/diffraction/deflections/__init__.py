"""Deflections of the beam: how they are turned, and the field, charge and phase behind them."""
