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
    "Progress",
    "PublishedSegmenter",
    "Regressor",
    "Segmenter",
    "SpectrumToImage",
    "Training",
    "acquisition",
    "combine",
    "export_onnx",
    "import_atomai",
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

from . import acquisition
from .atomai.importing import PublishedSegmenter, import_atomai
from .augmentation import Augmentation
from .batches import Arrays
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
from .models import Estimator
from .recipes.training import list_recipes, train
from .segmenter import Segmenter
from .storage import load
from .training import Progress, Training, train_network
from .vae.vae import VAE
from .weights.shipped import load_shipped, shipped_models
from .whole_images import Classifier, Regressor
