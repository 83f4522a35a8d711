__all__ = [
    "VAE",
    "Arrays",
    "AtomFinder",
    "Augmentation",
    "Estimator",
    "Progress",
    "Segmenter",
    "Training",
    "combine",
    "export_onnx",
    "list_recipes",
    "load",
    "load_shipped",
    "masks_from_positions",
    "plot_history",
    "random_patches",
    "renumber",
    "shipped_models",
    "train",
    "train_network",
]

from .augmentation import Augmentation
from .batches import Arrays
from .datasets import combine, masks_from_positions, random_patches, renumber
from .export import export_onnx
from .finding.atom_finder import AtomFinder
from .histories import plot_history
from .models import Estimator
from .recipes.training import list_recipes, train
from .segmenter import Segmenter
from .storage import load
from .training import Progress, Training, train_network
from .vae.vae import VAE
from .weights.shipped import load_shipped, shipped_models
