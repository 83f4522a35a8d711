"""Peaks of fine structures."""

from collections.abc import Sequence
from typing import Literal

import xarray as xr

from omniscopy.eels.axes import DIM, loss_axis
from omniscopy.model import DataError, operation, require_choice, require_units
from omniscopy.signal import Arctan, Gaussian, Lorentzian, Offset, Sum, fit_model
from omniscopy.signal.components import Component

Shape = Literal["gaussian", "lorentzian"]
_SHAPES = {"gaussian": Gaussian, "lorentzian": Lorentzian}


@operation(
    example={"data": "spectrum_image", "window": (430.0, 555.0), "peaks": [462.0], "steps": [531.0]}
)
def fit_fine_structure(
    data: xr.DataArray,
    window: tuple[float, float],
    peaks: Sequence[float],
    *,
    steps: Sequence[float] = (),
    shape: Shape = "gaussian",
    dim: str = DIM,
    max_steps: int = 200,
) -> xr.Dataset:
    r"""Fit peaks, and steps of the continuum, to the fine structure of an edge.

    Parameters
    ----------
    data : DataArray, shape (..., energy_loss)
        Core losses without their background; lazy or in memory.
    window : (low, high), eV
        What is fitted.
    peaks : sequence of float, eV
        Where the peaks are, about.
    steps : sequence of float, eV
        Where the continuum rises, each an arctangent.
    shape : {"gaussian", "lorentzian"}
        Of the peaks.
    dim : str
        Dimension of the energy loss.
    max_steps : int
        Evaluations of the model for a spectrum, at most.

    Returns
    -------
    Dataset, shape (...)
        What `signal.fit_model` finds: ``peak_1_centre`` and so on, ``step_1_amplitude``,
        ``level_value``, with ``_std``; lengths along the axis are in its units.

    Raises
    ------
    DataError
        The axis is not in eV, or peaks or steps do not lie in the window.

    Notes
    -----
    .. math::
        J(E) = c + \sum_p G(E; A_p, E_p, w_p)
            + \sum_s A_s \left[\frac{1}{2} + \frac{1}{\pi} \arctan\frac{E - E_s}{w_s}\right]

    with the peaks G of `signal.Gaussian` or `signal.Lorentzian`; all channels weigh alike.

    The arctangent is an edge whose hole lives shortly [1]_.

    References
    ----------
    .. [1] F. K. Richtmyer, S. W. Barnes, E. Ramberg, *Phys. Rev.* 46, 843 (1934).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.eels.fit_fine_structure(om.samples.core_loss(), (440, 480), [459])
    >>> found["peak_1_centre"].dims
    ('y', 'x')
    """
    require_choice("shape", shape, _SHAPES)
    axis = loss_axis(data, dim)
    axis.inside(window, at_least=4 + 3 * len(peaks))
    for place in (*peaks, *steps):
        if not window[0] <= place <= window[1]:
            message = f"{place:g} eV is outside of the window {tuple(window)}"
            raise DataError(message)
    if not len(peaks):
        message = "peaks is empty; give the energies where peaks are, about"
        raise DataError(message)
    scale = 1.0 / require_units(data.coords[dim], "eV", what=f"coordinate {dim!r}")
    parts: list[Component] = [
        _SHAPES[shape](centre=place * scale, name=f"peak_{n}")
        for n, place in enumerate(peaks, start=1)
    ]
    parts += [
        Arctan(centre=place * scale, name=f"step_{n}") for n, place in enumerate(steps, start=1)
    ]
    parts.append(Offset(name="level"))
    inside = (window[0] * scale, window[1] * scale)
    return fit_model(
        data, Sum(tuple(parts)), dim=dim, window=inside, max_steps=max_steps
    )  # fmt: skip
