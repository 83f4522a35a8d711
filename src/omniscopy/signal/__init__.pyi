__all__ = [
    "Arctan",
    "BandPass",
    "Bleasdale",
    "Bounded",
    "Circle",
    "Doniach",
    "DoublePowerLaw",
    "ErrorStep",
    "Exponential",
    "Expression",
    "Fixed",
    "Function",
    "Gaussian",
    "Gaussian2D",
    "Harmonics",
    "HighPass",
    "Logistic",
    "Lorentzian",
    "Lorentzian2D",
    "LowPass",
    "NoiseFloor",
    "Notch",
    "Offset",
    "Oscillator",
    "Plane",
    "Polygon",
    "Polynomial",
    "PowerLaw",
    "PseudoVoigt",
    "SkewNormal",
    "SplitVoigt",
    "StretchedExponential",
    "Sum",
    "Tied",
    "Voigt",
    "align_signals",
    "cluster",
    "compare_models",
    "convert_light",
    "crop",
    "decompose",
    "derivative",
    "estimate_baseline",
    "estimate_noise",
    "estimate_rank",
    "evaluate_model",
    "filter_fourier",
    "filter_response",
    "find_peaks",
    "fit_model",
    "fold",
    "fourier",
    "interpolate",
    "inverse_fourier",
    "joint_histogram",
    "label_regions",
    "max_over",
    "mean_over",
    "measure_distance",
    "measure_peaks",
    "measure_regions",
    "rebin",
    "reconstruct",
    "remove_spikes",
    "rotate_components",
    "separate_outliers",
    "smooth",
    "subtract_baseline",
    "subtract_model",
    "sum_over",
    "to_grid",
    "to_line",
    "to_points",
    "unfold",
    "unmix",
    "window",
]

from .alignment import align_signals
from .baselines import estimate_baseline, subtract_baseline
from .clustering import cluster
from .comparison import compare_models
from .components import Sum
from .decomposition import (
    decompose,
    estimate_rank,
    reconstruct,
    rotate_components,
    separate_outliers,
)
from .distances import measure_distance
from .evaluation import evaluate_model, subtract_model
from .expressions import Expression
from .filters import filter_fourier, filter_response
from .fitting import fit_model
from .folding import fold, unfold
from .functions import Function
from .grids import to_grid
from .histograms import joint_histogram
from .interpolation import interpolate
from .light import convert_light
from .maxima import max_over
from .models import (
    Arctan,
    Bleasdale,
    Doniach,
    DoublePowerLaw,
    ErrorStep,
    Exponential,
    Gaussian,
    Logistic,
    Lorentzian,
    Offset,
    Polynomial,
    PowerLaw,
    PseudoVoigt,
    SkewNormal,
    SplitVoigt,
    StretchedExponential,
    Voigt,
)
from .noise import estimate_noise
from .parameters import Bounded, Fixed, Tied
from .pass_bands import BandPass, Harmonics, HighPass, LowPass, NoiseFloor, Notch
from .peak_measures import measure_peaks
from .peaks import find_peaks
from .plane_models import Gaussian2D, Lorentzian2D, Plane
from .points import to_line, to_points
from .region_statistics import measure_regions
from .regions import Circle, Polygon, label_regions
from .resampling import crop, rebin
from .resonances import Oscillator
from .smoothing import derivative, smooth
from .spikes import remove_spikes
from .sums import mean_over, sum_over
from .tapers import window
from .transforms import fourier, inverse_fourier
from .unmixing import unmix
