__all__ = [
    "VAE",
    "acquisition",
    "Arrays",
    "AtomFinder",
    "Augmentation",
    "DeepKernelGP",
    "Estimator",
    "Experiment",
    "GaussianProcess",
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
from . import acquisition
from .batches import Arrays
from .datasets import combine, masks_from_positions, random_patches, renumber
from .experiment import Experiment
from .export import export_onnx
from .finding.atom_finder import AtomFinder
from .gaussian_processes.deep_kernels import DeepKernelGP
from .gaussian_processes.gaussian_process import GaussianProcess
from .histories import plot_history
from .models import Estimator
from .recipes.training import list_recipes, train
from .segmenter import Segmenter
from .storage import load
from .training import Progress, Training, train_network
from .vae.vae import VAE
from .weights.shipped import load_shipped, shipped_models
