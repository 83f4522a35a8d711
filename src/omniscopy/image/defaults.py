"""What is done with images when nobody says what to do."""

import itertools

import numpy as np
import xarray as xr

from omniscopy.image.cleaning.scars import find_scars, remove_scars
from omniscopy.image.fourier.spectra import power_spectrum
from omniscopy.image.fourier.spot_filter import filter_fourier_spots
from omniscopy.image.fourier.spots import find_fourier_spots
from omniscopy.image.fourier.symmetry import measure_symmetry
from omniscopy.image.grains.grain_measures import measure_grains
from omniscopy.image.grains.grains import find_grains
from omniscopy.image.levelling.levelling import level
from omniscopy.image.levelling.row_alignment import align_rows
from omniscopy.image.roughness.roughness import measure_roughness
from omniscopy.image.roughness.spectral_density import power_spectral_density
from omniscopy.image.topography import are_lengths, require_image, steps_of
from omniscopy.model import DataError, analysis, dims_of_kind, require_uniform, units_of
from omniscopy.model.analyses import Results

# Grains that are measured unasked: so many at most, of so many pixels at least, on so much of
# the image, and apart from the rest by so many standard deviations of either.
_MOST_GRAINS, _PIXELS, _COVERED, _APART = 2000, 9, 0.4, 3.0
# A lattice that is analysed unasked: power of spots over the background, how many, the sine of the
# angle between two of them, how far from whole sums of these the others may be, and how many.
_STRONG, _FEWEST, _ACROSS, _OFF, _MOST = 30.0, 4, 0.2, 0.06, 0.8


def _is_image(data: xr.DataArray) -> bool:
    """Return whether there are images on a uniform grid, of numbers and large enough."""
    dims = dims_of_kind(data, "spatial")
    if len(dims) != 2 or data.dtype.kind not in "biuf" or "channel" in data.dims:
        return False
    try:
        for dim in dims:
            require_uniform(data, dim)
    except DataError:
        return False
    return all(data.sizes[dim] >= 8 for dim in dims) and bool(np.prod(data.shape))


@analysis("Power spectrum", "image", applies=_is_image)
def spectrum_of_image(data: xr.DataArray) -> Results:
    """Calculate the power spectrum of an image and find its spots."""
    found: dict[str, xr.DataArray | xr.Dataset] = {"Power spectrum": power_spectrum(data)}
    if len({units_of(data, dim) for dim in dims_of_kind(data, "spatial")}) == 1:
        found["Spots"] = find_fourier_spots(data)
    return found


@analysis("Lattice", "image", applies=lambda data: _is_image(data) and data.ndim == 2)
def lattice_of_image(data: xr.DataArray) -> Results:
    """Measure the symmetry of a lattice that is seen, and filter the image by its spots."""
    if len({units_of(data, dim) for dim in dims_of_kind(data, "spatial")}) > 1:
        return {}
    spots = find_fourier_spots(data)
    if not make_a_lattice(spots):
        return {}
    return {
        "Symmetry of the spectrum": measure_symmetry(data),
        "Image of the spots alone": filter_fourier_spots(data, spots),
    }


def make_a_lattice(spots: xr.Dataset) -> bool:
    """Return whether the strong spots are sums of two of them."""
    strong = np.asarray(spots["signal_to_noise"].values) > _STRONG
    g = np.stack([np.asarray(spots[name].values)[strong] for name in ("ky", "kx")], axis=-1)
    if len(g) < _FEWEST:
        return False
    for pair in itertools.combinations(g[:6], 2):
        basis = np.stack(pair)
        if abs(np.linalg.det(basis)) < _ACROSS * np.prod(np.linalg.norm(basis, axis=1)):
            continue
        indices = g @ np.linalg.inv(basis)
        away = np.abs(indices - np.rint(indices)).max(axis=1)
        if (away < _OFF).mean() >= _MOST:
            return True
    return False


def _is_topography(data: xr.DataArray) -> bool:
    """Return whether there are images of heights."""
    if not _is_image(data):
        return False
    rows, columns = dims_of_kind(data, "spatial")
    return are_lengths(data, (rows, columns))


@analysis("Roughness", "image", applies=_is_topography)
def roughness_of_topography(data: xr.DataArray) -> Results:
    """Measure the roughness of a surface without its tilt, and what waves it is made of."""
    return {
        "Roughness": measure_roughness(data, detrend="plane"),
        "Power spectral density": power_spectral_density(data, along="radial", detrend="plane"),
    }


@analysis("Topography", "image", applies=lambda data: _is_topography(data) and data.ndim == 2)
def levelled_topography(data: xr.DataArray) -> Results:
    """Level a topography, align its rows, take away scars, and measure grains if it has any."""
    scars = find_scars(align_rows(level(data), "median_difference"))
    # Rows are as high as they are without their scars.
    aligned = align_rows(level(data), "median_difference", mask=scars)
    flat = level(remove_scars(aligned, scars))
    found: dict[str, xr.DataArray | xr.Dataset] = {"Levelled, rows aligned": flat}
    pixel = float(np.prod(steps_of(flat, require_image(flat, None))))
    grains = find_grains(flat, min_area=_PIXELS * pixel)
    if _stand_out(flat, grains):
        found["Grains"] = grains
        found["Measures of grains"] = measure_grains(flat, grains)
    return found


def _stand_out(image: xr.DataArray, grains: xr.DataArray) -> bool:
    """Return whether grains are few and apart from the rest, not only its higher half."""
    covered = float((grains > 0).mean())
    if not 0 < covered <= _COVERED or int(grains.max()) > _MOST_GRAINS:
        return False
    inside, outside = image.where(grains > 0), image.where(grains == 0)
    spread = min(float(inside.std()), float(outside.std()))
    return float(inside.mean() - outside.mean()) > _APART * spread
