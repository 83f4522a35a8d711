__all__ = [
    "Arrays",
    "Estimator",
    "Progress",
    "export_onnx",
    "load",
    "plot_history",
    "train_network",
]

from .batches import Arrays
from .export import export_onnx
from .histories import plot_history
from .models import Estimator
from .storage import load
from .training import Progress, train_network
