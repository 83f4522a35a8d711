"""Models of complex spectra: resonances."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from omniscopy.physics import resonance
from omniscopy.physics.formulas import Formula
from omniscopy.signal.components import Component, Info, Role, height, length
from omniscopy.signal.models import require_above
from omniscopy.signal.parameters import Setting


@dataclass(frozen=True)
class Oscillator(Component):
    r"""A complex resonance :math:`(a + ib) f_0^2 / (f^2 - i f f_0 / Q - f_0^2)` of complex data.

    With :math:`a + ib = A e^{i\varphi}`: the model is linear in `real` and `imaginary`. The
    frequencies are above 0.
    """

    real: Setting = None
    imaginary: Setting = None
    resonance_frequency: Setting = None
    quality_factor: Setting = None
    name: str | None = None

    role: ClassVar[Role] = "peak"
    formula: ClassVar[Formula] = Formula(resonance.oscillator_response, 4, complex=True)
    known: ClassVar[tuple[Info, ...]] = (
        height("real"), height("imaginary"), length("resonance_frequency"),
        Info("quality_factor", positive=True, lower=0.0),
    )  # fmt: skip

    def shape(self, centre: np.ndarray, fwhm: np.ndarray) -> dict[str, np.ndarray | float]:
        """Return the starts of a peak of the squared amplitude."""
        return {"resonance_frequency": centre, "quality_factor": np.abs(centre) / fwhm}

    def require_axes(self, axes: Sequence[np.ndarray]) -> None:
        """Raise where the axis has values that are not above 0."""
        require_above(axes[0], "Oscillator")
