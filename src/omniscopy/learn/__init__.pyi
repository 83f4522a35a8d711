__all__ = [
    "Arrays",
    "AtomFinder",
    "Estimator",
    "Progress",
    "export_onnx",
    "load",
    "load_shipped",
    "plot_history",
    "shipped_models",
    "train_network",
]

from .batches import Arrays
from .export import export_onnx
from .finding.atom_finder import AtomFinder
from .histories import plot_history
from .models import Estimator
from .storage import load
from .training import Progress, train_network
from .weights.shipped import load_shipped, shipped_models
