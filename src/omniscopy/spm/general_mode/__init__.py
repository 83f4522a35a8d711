"""General mode: filtered, condensed and inverted time series."""
