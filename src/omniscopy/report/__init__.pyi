__all__ = ["NotebookError", "Summary", "report", "show", "to_notebook"]

from .cards import Summary, show
from .notebooks import NotebookError, to_notebook
from .writing import report
