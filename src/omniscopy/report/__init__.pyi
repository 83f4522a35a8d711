__all__ = ["report"]

from .writing import report
