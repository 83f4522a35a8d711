"""Temperatures of files that count from the freezing point of water."""

ZERO_CELSIUS = 273.15


def kelvins(celsius: float | None) -> float | None:
    """Return a temperature in K, `None` where it is not known or cannot be."""
    if celsius is None or celsius < -ZERO_CELSIUS:
        return None
    return round(float(celsius) + ZERO_CELSIUS, 6)
