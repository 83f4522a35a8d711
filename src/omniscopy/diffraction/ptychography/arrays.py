"""The library of arrays that iterative reconstructions calculate with: NumPy, or one on a GPU."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import fft

from omniscopy.compute.threads import available_cores


@dataclass(frozen=True, eq=False)
class Arrays:
    """A namespace of arrays with NumPy's names, and one of transforms with those of `scipy.fft`.

    Everything that grows with the data goes through these two, such as
    ``Arrays(cupy, cupyx.scipy.fft)``.

    Parameters
    ----------
    xp : module
        Has ``asarray``, ``where``, ``sqrt``, ``einsum`` and the like.
    transforms : module
        Has ``fft2`` and ``ifft2`` with ``norm=``.
    threaded : bool
        Whether transforms take ``workers=``.
    """

    xp: Any = np
    transforms: Any = fft
    threaded: bool = False

    def forward(self, waves: Any) -> Any:
        """Return waves far away, on the last two axes; the sum of squares stays."""
        return self.transforms.fft2(waves, norm="ortho", **self._threads(waves))

    def backward(self, waves: Any) -> Any:
        """Undo `forward`."""
        return self.transforms.ifft2(waves, norm="ortho", **self._threads(waves))

    def numpy(self, values: Any) -> np.ndarray:
        """Return an array of NumPy."""
        return np.asarray(values.get() if hasattr(values, "get") else values)

    def _threads(self, waves: Any) -> dict[str, int]:
        # Threads cost more than they bring where there is little to transform.
        return {"workers": available_cores()} if self.threaded and waves.size > 2**15 else {}


NUMPY = Arrays(threaded=True)
