"""Images as mixtures of textures: spectra of windows, and what they are made of."""

from typing import Literal

import xarray as xr

from omniscopy.image.fourier.spectra import power_spectrum
from omniscopy.image.fourier.tapers import Window
from omniscopy.image.topography import require_image, require_positive_length
from omniscopy.image.windows.sliding import Size, sliding_windows, window_dims
from omniscopy.model import DataError, operation, require_choice, require_uniform
from omniscopy.signal import decompose

Features = Literal["amplitude", "density"]
Method = Literal["svd", "pca", "nmf", "ica", "nfindr", "kernel_pca"]


@operation(example={"image": "atom_image", "n_components": 2, "size": 1.2, "step": 0.6})
def window_fft_decompose(  # noqa: PLR0913 - what is cut, transformed and decomposed
    image: xr.DataArray,
    n_components: int,
    size: Size,
    *,
    step: Size | None = None,
    method: Method = "nmf",
    features: Features = "amplitude",
    max_frequency: float | None = None,
    window: Window = "hann",
    rng: int | None = None,
    dims: tuple[str, str] | None = None,
) -> xr.Dataset:
    """Decompose the Fourier spectra of windows of an image: maps of its textures and lattices.

    Parameters
    ----------
    image : DataArray, shape (..., y, x), any units
        Lazy or in memory, on a uniform grid.
    n_components : int
        Number of components.
    size : float or (float, float), units of the coordinates
        Of the windows along y and x: some periods of what is told apart.
    step : float or (float, float), units of the coordinates
        From one window to the next; a quarter of `size` otherwise.
    method : str
        As for `signal.decompose`; "nmf" keeps spectra and their parts above 0.
    features : {"amplitude", "density"}
        The amplitude spectrum, or the power spectral density, which strong spots outweigh.
    max_frequency : float, periods per unit
        Frequencies along either axis that are kept; all otherwise.
    window : {"hann", "hamming", "blackman", "none"}
        Falls off to the edges of each window.
    rng : int
        Seed of random starts; 0 otherwise.
    dims : (str, str)
        The dimensions of the images; the last two spatial ones otherwise.

    Returns
    -------
    Dataset
        What `signal.decompose` returns: ``components`` (component, ky, kx), spectra, and
        ``loadings`` (..., y, x, component), how much of each there is at the middle of each
        window. All images make one decomposition.

    Raises
    ------
    DataError
        Windows do not fit to the image, there are fewer of them than components, or
        `max_frequency` leaves fewer than 2 frequencies.

    Notes
    -----
    Sliding Fourier transforms, decomposed, are those of [1]_.

    References
    ----------
    .. [1] R. K. Vasudevan et al., *Appl. Phys. Lett.* 106, 091601 (2015).

    Examples
    --------
    >>> import omniscopy as om
    >>> maps = om.image.window_fft_decompose(om.samples.atom_image(), 2, 1.2)
    >>> maps["components"].dims
    ('component', 'ky', 'kx')
    """
    require_choice("features", features, ("amplitude", "density"))
    dims = require_image(image, dims)
    inner = window_dims(image, dims)
    if step is None:
        both = size if isinstance(size, tuple | list) else (size, size)
        pixels = [abs(require_uniform(image, dim)) for dim in dims]
        step = (max(both[0] / 4, pixels[0]), max(both[-1] / 4, pixels[1]))
    windows = sliding_windows(image, size, step=step, dims=dims)
    spectra = power_spectrum(windows, window=window, scaling=features, dims=inner)
    names = {f"k{name}": f"k{dim}" for name, dim in zip(inner, dims, strict=True)}
    spectra = spectra.rename(names)
    if max_frequency is not None:
        limit = require_positive_length("max_frequency", max_frequency) * (1 + 1e-9)
        kept = {name: abs(spectra[name].values) <= limit for name in names.values()}
        spectra = spectra.isel(kept)
        if min(spectra.sizes[name] for name in names.values()) < 2:
            message = f"max_frequency {max_frequency!r} leaves no spectrum; take a higher one"
            raise DataError(message)
    return decompose(spectra, n_components, method=method, dim=list(names.values()), rng=rng)
