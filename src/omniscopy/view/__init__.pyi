__all__ = ["view"]

from .explorer import view
