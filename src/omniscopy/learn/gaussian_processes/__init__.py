"""Gaussian processes: values between measured points, and how sure they are."""
