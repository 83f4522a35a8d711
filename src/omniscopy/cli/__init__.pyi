__all__ = ["main"]

from .application import main
