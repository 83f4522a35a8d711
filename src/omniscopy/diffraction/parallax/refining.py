r"""Lens and rotation from interference, not from shifts alone.

The image of a pixel is that of a phase object moved only where both side bands pass the aperture;
near its edge one passes, which turns the phase and moves the image. What pixels vary by along the
scan is :math:`G(k, Q) = i \Phi(Q) \Gamma(k, Q)`, with

.. math:: \Gamma = e^{2 i c\, k H Q} (m_- e^{-i c\, Q H Q} - m_+ e^{i c\, Q H Q}), c = \pi\lambda,

H the second derivatives of the wave aberration, Q along the axes of the detector, and
:math:`m_\mp` whether :math:`k \mp Q` is in the aperture. The spectrum of the object is whatever
fits best: :math:`\sum_Q |\sum_k \Gamma^* G|^2 / \sum_k |\Gamma|^2` is what is explained at most.
"""

from dataclasses import dataclass

import numpy as np

from omniscopy.diffraction.ptychography.experiment import Beam, Turn

# Frequencies that are compared, groups of pixels across the disc, and how often they are formed.
_FREQUENCIES, _ACROSS, _ROUNDS = 2**12, 9, 3
# Frequencies next to each other are not independent: images fade to their edges.
_BESIDE = 3


@dataclass(frozen=True)
class Bands:
    """Sums over groups of pixels of what is behind each side band, moved back by a start.

    `k` (groups, 2) are their middles; `minus` and `plus` (groups, frequencies); `q` (frequencies,
    2) is along the scan; `counts` are how many pixels pass the one, the other and both.
    """

    k: np.ndarray
    q: np.ndarray
    minus: np.ndarray
    plus: np.ndarray
    counts: np.ndarray
    start: np.ndarray

    def explained(self, values: np.ndarray, scale: float, *, flip: bool) -> np.ndarray:
        """Return what is explained at each frequency."""
        matrix = Turn(float(values[3]), flip).matrix
        at = self.q @ matrix.T
        second = _derivatives(values)
        moved = second @ matrix - _derivatives(self.start) @ Turn(float(self.start[3]), flip).matrix
        turn = np.exp(-2j * scale * (self.k @ moved @ self.q.T))
        bend = np.exp(1j * scale * np.einsum("qi,ij,qj->q", at, second, at))
        seen = bend * (turn * self.minus).sum(axis=0) - bend.conj() * (turn * self.plus).sum(axis=0)
        size = self.counts[0] + self.counts[1] - 2.0 * self.counts[2] * (bend**2).real
        return np.asarray(np.abs(seen) ** 2 / np.maximum(size, 0.5))


def refine(  # noqa: PLR0917 - what was measured, where, and the start
    spectra: np.ndarray, k: np.ndarray, qy: np.ndarray, qx: np.ndarray, beam: Beam,
    start: np.ndarray, *, fixed: bool, flip: bool,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return defocus, astigmatism and rotation that explain most, and their covariance.

    Parameters
    ----------
    spectra : array, shape (pixels, y, x)
        Of images along the scan.
    k : array, shape (pixels, 2), 1/nm
        Where they are in the disc.
    qy, qx : array, 1/nm
        Frequencies along the scan.
    beam : Beam
        Its wavelength and its radius; not its aberrations.
    start : array, shape (4,)
        C10, C12a, C12b in Å and the rotation in degrees.
    fixed : bool
        Whether the rotation is known.
    flip : bool
        Whether there is a flip.
    """
    from scipy.optimize import minimize

    scale = 0.1 * np.pi * beam.wavelength
    chosen = _chosen(qy, qx, beam.radius)
    data = spectra[:, chosen[:, 0], chosen[:, 1]]
    q = np.stack([qy[chosen[:, 0]], qx[chosen[:, 1]]], axis=1)
    # Of this size are changes of the wave at the edge of the disc by a tenth of a radian.
    steps = np.array([*3 * [0.1 / (scale * beam.radius**2)], 0.5])[: 3 if fixed else 4]
    values = start.copy()
    for _ in range(_ROUNDS):
        bands = _bands(data, k, q, beam, values, flip=flip)
        before = values.copy()

        whole = float(bands.explained(before, scale, flip=flip).sum())
        if not whole > 0:
            break

        def lacking(
            away: np.ndarray, bands: Bands = bands, at: np.ndarray = before, whole: float = whole
        ) -> float:
            seen = bands.explained(_moved(at, away * steps), scale, flip=flip)
            return 1.0 - float(seen.sum()) / whole

        found = minimize(
            lacking, np.zeros(len(steps)), method="BFGS", options={"gtol": 1e-6, "eps": 1e-4}
        )
        values = _moved(before, found.x * steps)
        if np.abs(found.x).max() < 0.02:
            break
    return values, _covariance(bands, values, steps, scale, chosen, flip=flip)


def _moved(values: np.ndarray, away: np.ndarray) -> np.ndarray:
    return values + np.pad(away, (0, 4 - len(away)))


def _derivatives(values: np.ndarray) -> np.ndarray:
    c10, a, b = values[:3]
    return np.array([[c10 - a, b], [b, c10 + a]])


def _chosen(qy: np.ndarray, qx: np.ndarray, radius: float) -> np.ndarray:
    """Return the indices of frequencies where discs overlap, one of each pair of opposite ones."""
    away = np.hypot(qy[:, None], qx)
    first, second = np.meshgrid(np.fft.fftfreq(len(qy)), np.fft.fftfreq(len(qx)), indexing="ij")
    half = (second > 0) | ((second == 0) & (first > 0))
    # The lowest ones hold what does not repeat along the scan.
    lowest = 1.5 * max(abs(qy[1]), abs(qx[1]))
    found = np.argwhere(half & (away < 1.9 * radius) & (away > lowest))
    if len(found) > _FREQUENCIES:
        draw = np.random.default_rng(0)
        found = found[np.sort(draw.choice(len(found), _FREQUENCIES, replace=False))]
    return found


def _bands(
    data: np.ndarray, k: np.ndarray, q: np.ndarray, beam: Beam, start: np.ndarray, *, flip: bool
) -> Bands:
    """Return sums over groups of pixels, each moved back by what is known of the lens."""
    matrix = Turn(float(start[3]), flip).matrix
    at = q @ matrix.T
    back = np.exp(
        -0.2j * np.pi * beam.wavelength * (k @ _derivatives(start) @ at.T)
    )  # fmt: skip
    limit = beam.radius**2 * (1 + 1e-9)
    passed = [np.square(k[:, None, :] + sign * at).sum(axis=-1) <= limit for sign in (-1.0, 1.0)]
    moved = data * back
    cells = np.floor((k / beam.radius + 1.0) * 0.5 * _ACROSS).astype(int)
    _, group = np.unique(cells[:, 0] * 2 * _ACROSS + cells[:, 1], return_inverse=True)
    size = np.bincount(group).astype(np.float64)
    middle = np.stack([np.bincount(group, k[:, n]) / size for n in (0, 1)], axis=1)
    sums = []
    for mask in passed:
        total = np.zeros((len(size), len(q)), dtype=complex)
        np.add.at(total, group, np.where(mask, moved, 0.0))
        sums.append(total)
    counts = np.array([passed[0].sum(0), passed[1].sum(0), (passed[0] & passed[1]).sum(0)])
    return Bands(middle, q, sums[0], sums[1], counts, start.copy())


def _covariance(
    bands: Bands, values: np.ndarray, steps: np.ndarray, scale: float, chosen: np.ndarray, *,
    flip: bool,
) -> np.ndarray:  # fmt: skip
    """Return the covariance of four values, from how slopes scatter from frequency to frequency."""
    count = len(steps)
    unit = 0.1 * np.eye(count)

    def at(away: np.ndarray) -> np.ndarray:
        return bands.explained(_moved(values, away * steps), scale, flip=flip)

    slopes = np.array([(at(e) - at(-e)) / 0.2 for e in unit])
    bent = np.array([
        [(at(e + f) - at(e - f) - at(f - e) + at(-e - f)).sum() / 0.04 for f in unit] for e in unit
    ])  # fmt: skip
    cells = chosen // _BESIDE
    _, cell = np.unique(cells[:, 0] * 2**20 + cells[:, 1], return_inverse=True)
    grouped = np.array([np.bincount(cell, each) for each in slopes])
    number = grouped.shape[1]
    inverse = np.linalg.pinv(-bent, hermitian=True)
    inside = inverse @ (grouped @ grouped.T) @ inverse * number / max(number - count, 1)
    made = np.zeros((4, 4))
    made[:count, :count] = inside * np.outer(steps, steps)
    return made
