__all__ = [
    "cross_sections",
    "geometry",
    "kramers_kronig",
    "mean_free_paths",
    "plasmons",
    "plural",
    "shells",
    "slabs",
    "zero_losses",
]

from . import (
    cross_sections,
    geometry,
    kramers_kronig,
    mean_free_paths,
    plasmons,
    plural,
    shells,
    slabs,
    zero_losses,
)
