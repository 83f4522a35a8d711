"""Frames that arrive one by one, and what is known of them so far."""
