__all__ = ["NotebookError", "report", "to_notebook"]

from .notebooks import NotebookError, to_notebook
from .writing import report
