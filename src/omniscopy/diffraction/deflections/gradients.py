"""Gradient fields on a grid: their curl, how they are turned, and what they are the gradient of.

Arrays have the shape (..., y, x); steps are signed.
"""

from typing import Literal, get_args

import numpy as np

Boundary = Literal["antisymmetric", "periodic", "padded"]
BOUNDARIES = get_args(Boundary)

# Parts of an image along each axis, that are left out one by one to see how a result scatters.
_PARTS = 12


def slopes(values: np.ndarray, step_y: float, step_x: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivatives along y and x."""
    along_y, along_x = np.gradient(values, step_y, step_x, axis=(-2, -1))
    return along_y, along_x


def divergence_and_curl(
    field_y: np.ndarray, field_x: np.ndarray, step_y: float, step_x: float
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return :math:`\partial_y a_y + \partial_x a_x` and :math:`\partial_x a_y - \partial_y a_x`.

    The curl of a difference of values is zero to rounding: differences along y and x commute.
    """
    yy, yx = slopes(field_y, step_y, step_x)
    xy, xx = slopes(field_x, step_y, step_x)
    return yy + xx, yx - xy


def turned(
    field_y: np.ndarray, field_x: np.ndarray, angle: np.ndarray, flip: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors, their y negated where there is a flip, turned by an angle from +x to +y."""
    turn = np.deg2rad(np.asarray(angle))[..., None, None]
    field_y = np.where(np.asarray(flip)[..., None, None], -field_y, field_y)
    cosine, sine = np.cos(turn), np.sin(turn)
    return sine * field_x + cosine * field_y, cosine * field_x - sine * field_y


def find_turn(
    field_y: np.ndarray, field_x: np.ndarray, step_y: float, step_x: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Return the angle from -90 to 90 degrees that leaves the least curl, its std, and that curl.

    Turned by :math:`\theta`, a field with the divergence D and the curl C has the curl
    :math:`C \cos\theta + D \sin\theta` , whose mean square is least in closed form. The curl is
    returned as a root of the mean square; the deviation is that of a jackknife over parts of the
    image. NaN is left out.
    """
    with np.errstate(invalid="ignore"):
        divergence, curl = divergence_and_curl(field_y, field_x, step_y, step_x)
    known = np.isfinite(divergence) & np.isfinite(curl)
    d, c = np.where(known, divergence, 0.0), np.where(known, curl, 0.0)
    parts = np.stack([_in_parts(each) for each in (c * c, d * d, c * d, known)])
    whole = parts.sum(axis=-1, keepdims=True)
    angle, least = _least_curl(whole)
    alone, _ = _least_curl(whole - parts)
    count = parts.shape[-1]
    away = (alone - angle + 90.0) % 180.0 - 90.0  # a half turn is none here
    std = np.sqrt((count - 1) / count * np.sum(away**2, axis=-1))
    return angle[..., 0], std, least[..., 0]


def _least_curl(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    curls, divergences, products, count = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        angle = 0.5 * np.rad2deg(np.arctan2(-2.0 * products, divergences - curls))
        spread = np.hypot(0.5 * (divergences - curls), products)
        least = np.maximum(0.5 * (curls + divergences) - spread, 0.0) / count
    return np.where(count > 0, angle, np.nan), np.sqrt(least)


def _in_parts(values: np.ndarray) -> np.ndarray:
    """Return sums over parts of images, shape (..., parts)."""
    for axis in (-2, -1):
        edges = np.unique(np.linspace(0, values.shape[axis], _PARTS + 1).astype(int)[:-1])
        values = np.add.reduceat(values.astype(np.float64), edges, axis=axis)
    return values.reshape(*values.shape[:-2], -1)


def integrate(
    field_y: np.ndarray, field_x: np.ndarray, step_y: float, step_x: float, *,
    boundary: Boundary = "antisymmetric", high_pass: float | None = None,
) -> np.ndarray:  # fmt: skip
    r"""Return the values whose gradient is nearest to a field, with the mean 0.

    :math:`\hat\phi = (k_y \hat a_y + k_x \hat a_x) / (2 \pi i k^2)`, the least squares of all
    :math:`\phi`.

    Parameters
    ----------
    field_y, field_x : array, shape (..., y, x)
        Components of the field, without NaN.
    step_y, step_x : float
        Steps of the grid.
    boundary : {"antisymmetric", "periodic", "padded"}
        How the field goes on outside: mirrored, with the component across an edge negated, so
        that the values are mirrored; repeated; or as zeros up to twice the size.
    high_pass : float
        Frequency below which is damped, by :math:`k^2 / (k^2 + q^2)`.
    """
    rows, columns = field_y.shape[-2:]
    if boundary == "antisymmetric":
        field_y = _mirrored(_mirrored(field_y, -2, -1.0), -1, 1.0)
        field_x = _mirrored(_mirrored(field_x, -2, 1.0), -1, -1.0)
    elif boundary == "padded":
        room = [(0, 0)] * (field_y.ndim - 2) + [(0, rows), (0, columns)]
        field_y, field_x = np.pad(field_y, room), np.pad(field_x, room)
    ky = np.fft.fftfreq(field_y.shape[-2], step_y)[:, None]
    kx = np.fft.rfftfreq(field_y.shape[-1], abs(step_x))[None, :] * np.sign(step_x)
    square = ky**2 + kx**2
    square[0, 0] = 1.0
    # The highest frequency of an even number has either sign: its slopes are 0 at all points.
    if len(ky) % 2 == 0:
        ky[len(ky) // 2] = 0.0
    if field_x.shape[-1] % 2 == 0:
        kx[:, -1] = 0.0
    gain = 1.0 if high_pass is None else square / (square + high_pass**2)
    found = (ky * np.fft.rfft2(field_y) + kx * np.fft.rfft2(field_x)) * gain / (2j * np.pi * square)
    found[..., 0, 0] = 0.0
    values = np.fft.irfft2(found, s=field_y.shape[-2:])[..., :rows, :columns]
    return np.asarray(values - values.mean(axis=(-2, -1), keepdims=True))


def _mirrored(values: np.ndarray, axis: int, sign: float) -> np.ndarray:
    return np.concatenate([values, sign * np.flip(values, axis)], axis)


def without_plane(values: np.ndarray) -> np.ndarray:
    """Return values without the plane that fits them best, NaN left out."""
    rows, columns = values.shape[-2:]
    y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    basis = np.stack([np.ones(y.shape), y - y.mean(), x - x.mean()]).reshape(3, -1)
    flat = values.reshape(*values.shape[:-2], -1)
    known = np.isfinite(flat)
    normal = np.einsum("in,...n,jn->...ij", basis, known, basis)
    right = np.einsum("in,...n->...i", basis, np.where(known, flat, 0.0))
    fitted = np.linalg.pinv(normal, hermitian=True) @ right[..., None]
    return np.asarray(values - (fitted[..., 0] @ basis).reshape(values.shape))
