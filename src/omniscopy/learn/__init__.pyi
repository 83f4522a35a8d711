__all__ = [
    "VAE",
    "Arrays",
    "AtomFinder",
    "Augmentation",
    "Classifier",
    "DeepKernelGP",
    "Denoiser",
    "Ensemble",
    "Estimator",
    "Experiment",
    "GaussianProcess",
    "ImageToSpectrum",
    "MultiTaskClassifier",
    "Progress",
    "PublishedSegmenter",
    "Regressor",
    "Segmenter",
    "SpectrumToImage",
    "SymmetryClassifier",
    "Training",
    "acquisition",
    "combine",
    "export_onnx",
    "ferroic_blocks",
    "find_regions",
    "formulas",
    "import_atomai",
    "lattice_images",
    "list_recipes",
    "load",
    "load_shipped",
    "mark_defects",
    "masks_from_positions",
    "plot_history",
    "random_patches",
    "renumber",
    "shipped_models",
    "train",
    "train_network",
]

from . import acquisition
from .atomai.importing import PublishedSegmenter, import_atomai
from .augmentation import Augmentation
from .batches import Arrays
from .crystallography import ferroic_blocks, find_regions, formulas, mark_defects
from .datasets import combine, masks_from_positions, random_patches, renumber
from .denoiser import Denoiser
from .ensembles import Ensemble
from .experiment import Experiment
from .export import export_onnx
from .finding.atom_finder import AtomFinder
from .gaussian_processes.deep_kernels import DeepKernelGP
from .gaussian_processes.gaussian_process import GaussianProcess
from .histories import plot_history
from .image_to_spectrum import ImageToSpectrum, SpectrumToImage
from .lattices import lattice_images
from .loading import load
from .models import Estimator
from .questions import MultiTaskClassifier
from .recipes.training import list_recipes, train
from .segmenter import Segmenter
from .symmetry import SymmetryClassifier
from .training import Progress, Training, train_network
from .vae.vae import VAE
from .weights.shipped import load_shipped, shipped_models
from .whole_images import Classifier, Regressor
