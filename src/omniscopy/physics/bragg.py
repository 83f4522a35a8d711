r"""Fast electrons near the Bragg condition: excitation errors and intensities of single beams.

The frame is that of the microscope: z against the beam, so that the wave vector is about
:math:`-K z`. Scattering vectors are in 1/Å without the factor 2π, lengths in Å.
"""

from typing import Any

import numpy as np


def wave_vectors(transverse: Any, wave_number: float) -> Any:
    """Return wave vectors (x, y, z) of this length that run down, from their x and y."""
    across = np.asarray(transverse, np.float64)
    down = -np.sqrt(wave_number**2 - np.square(across).sum(-1, keepdims=True))
    return np.concatenate([across, down], axis=-1)


def excitation_errors(g: Any, wave_number: float, transverse: Any = (0.0, 0.0)) -> Any:
    r"""Return excitation errors in 1/Å, positive inside the Ewald sphere.

    Parameters
    ----------
    g : array, shape (n, 3), 1/Å
        Reciprocal lattice vectors.
    wave_number : float, 1/Å
        :math:`K` inside the crystal.
    transverse : array, shape (..., 2), 1/Å
        x and y of the incident wave vector.

    Returns
    -------
    array, shape (..., n)
        :math:`s_g = (K^2 - |K + g|^2) / 2K`.
    """
    g = np.asarray(g, np.float64)
    k = wave_vectors(transverse, wave_number)
    return -(k @ g.T + 0.5 * np.square(g).sum(-1)) / wave_number


def slab_factor(s: Any, thickness: float) -> Any:
    r"""Return what a slab leaves of a beam, :math:`[\sin(\pi s t) / \pi s t]^2`."""
    return np.square(np.sinc(np.asarray(s) * thickness))


def beam_intensities(s: Any, extinction_distance: Any, thickness: float, shape: str) -> Any:
    """Return intensities of single beams, over that of the incident one, at excitation errors.

    Parameters
    ----------
    s : array, 1/Å
        Excitation errors.
    extinction_distance : array, Å
        Of two beams; broadcast against `s`.
    thickness : float, Å
        Of the crystal along the beam.
    shape : {"sinc", "lorentzian", "gaussian", "two_beam"}
        How intensities fall with `s`; all but the last with the same integral over it.

    Returns
    -------
    array
        Not limited to 1, but for "two_beam".
    """
    if shape == "two_beam":
        return two_beam_intensity(s, extinction_distance, thickness)
    x = np.asarray(s) * thickness
    if shape == "sinc":
        fall = np.square(np.sinc(x))
    elif shape == "lorentzian":
        fall = 1.0 / (1.0 + np.square(np.pi * x))
    else:
        fall = np.exp(-np.pi * np.square(x))
    return np.square(np.pi * thickness / np.asarray(extinction_distance)) * fall


def two_beam_intensity(s: Any, extinction_distance: Any, thickness: Any) -> Any:
    r"""Return the intensity of the diffracted of two beams, over that of the incident one.

    :math:`I_g = (\pi / \xi_g)^2 \sin^2(\pi t s_e) / (\pi s_e)^2` with
    :math:`s_e^2 = s^2 + \xi_g^{-2}` [1]_; 0 where the extinction distance is infinite.

    References
    ----------
    .. [1] L. Reimer and H. Kohl, *Transmission Electron Microscopy*, 5th ed., Springer (2008),
       section 7.3.
    """
    inverse = 1.0 / np.asarray(extinction_distance, np.float64)
    effective = np.sqrt(np.square(s) + np.square(inverse))
    return np.square(np.pi * inverse * thickness * np.sinc(effective * thickness))


def blackman_factor(extinction_distance: Any, thickness: float) -> Any:
    r"""Return how much two beams lower the intensity of a powder ring.

    :math:`\frac{1}{A} \int_0^A J_0(2x)\, dx` with :math:`A = \pi t / \xi_g` [1]_.

    References
    ----------
    .. [1] M. Blackman, Proc. R. Soc. A 173, 68 (1939).
    """
    from scipy import special

    twice = 2.0 * np.pi * thickness / np.asarray(extinction_distance, np.float64)
    # The integral of J_0 from 0 to 2A is twice the one wanted.
    whole = special.itj0y0(twice)[0]
    return np.where(twice > 1e-6, whole / np.where(twice > 1e-6, twice, 1.0), 1.0)
