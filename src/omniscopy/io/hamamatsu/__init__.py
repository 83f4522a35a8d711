"""Streak images of Hamamatsu cameras (.img)."""
