__all__ = ["plan_chunks"]

from .chunks import plan_chunks
