__all__ = ["choose", "view"]

from .chooser import choose
from .explorer import view
