__all__ = ["ExplorerMissingError", "view"]

from .explorer import ExplorerMissingError, view
