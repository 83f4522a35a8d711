"""Frames that are stretched, sheared and turned against the mean of all."""

import numpy as np
from scipy import ndimage

from omniscopy.compute.threads import share_work

_ENTRIES = ("matrix_yy", "matrix_yx", "matrix_xy", "matrix_xx")
COLUMNS = (*_ENTRIES, *(f"{name}_std" for name in _ENTRIES))
_ROUNDS, _STEPS = 3, 12


def affine_registration(
    frames: np.ndarray, shifts: np.ndarray, *, aspect: float
) -> tuple[np.ndarray, ...]:
    """Return the entries of the matrix of each frame, their spread, and the frames without it.

    `frames`, shape (frame, y, x); `shifts`, shape (frame, 2), in pixels. `aspect` is the step
    along x over that along y: matrices are those of the coordinates.
    """
    count, *shape = frames.shape
    middle = 0.5 * (np.array(shape) - 1)
    matrices = np.tile(np.eye(2), (count, 1, 1))
    offsets = np.array(shifts, dtype=np.float64)
    spread = np.full((count, 2, 2), np.nan)
    placed = np.full(frames.shape, np.nan)
    good = np.flatnonzero(np.isfinite(shifts).all(axis=1))

    def place(number: int) -> None:
        frame = good[number]
        placed[frame] = sampled(frames[frame], matrices[frame], offsets[frame], middle)

    share_work(place, range(len(good)))
    for _ in range(_ROUNDS):
        mean = _mean_of(placed[good])

        def fit(number: int, mean: np.ndarray = mean) -> None:
            frame = good[number]
            matrices[frame], offsets[frame], spread[frame] = _fitted(
                frames[frame], mean, matrices[frame], offsets[frame], middle
            )

        share_work(fit, range(len(good)))
        # The mean has no deformation of its own.
        if len(good):
            average = np.linalg.inv(matrices[good].mean(axis=0))
            matrices[good] = matrices[good] @ average
        share_work(place, range(len(good)))
    matrices[~np.isfinite(shifts).all(axis=1)] = np.nan
    units = np.array([[1.0, 1 / aspect], [aspect, 1.0]])
    entries = (matrices * units).reshape(count, 4)
    return (*entries.T, *(spread * np.abs(units)).reshape(count, 4).T, placed)


def sampled(
    frame: np.ndarray, matrix: np.ndarray, offset: np.ndarray, middle: np.ndarray
) -> np.ndarray:
    """Return what a frame shows at matrix (r - middle) + middle + offset, NaN outside of it."""
    holes = ~np.isfinite(frame)
    values = np.where(holes, np.nanmean(frame) if not holes.all() else 0.0, frame)
    start = middle + offset - matrix @ middle
    made = ndimage.affine_transform(
        values.astype(np.float64), matrix, start, order=3, mode="constant", cval=np.nan
    )
    if holes.any():
        near = ndimage.affine_transform(holes.astype(float), matrix, start, order=1, cval=1.0)
        made[near > 1e-9] = np.nan
    return np.asarray(made)


def _mean_of(placed: np.ndarray) -> np.ndarray:
    finite = np.isfinite(placed)
    count = finite.sum(axis=0)
    total = np.where(finite, placed, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _fitted(
    frame: np.ndarray, mean: np.ndarray, matrix: np.ndarray, offset: np.ndarray, middle: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return matrix and offset that make a frame most like the mean, by Gauss and Newton.

    S. Baker and I. Matthews, *Int. J. Comput. Vis.* 56, 221 (2004), the inverse compositional
    algorithm: slopes are those of the mean, which do not change from step to step.
    """
    there = np.isfinite(mean)
    filled = np.where(there, mean, 0.0)
    slope_y, slope_x = np.gradient(filled)
    inner = ndimage.binary_erosion(there, iterations=2)
    y, x = (np.arange(size) - centre for size, centre in zip(mean.shape, middle, strict=True))
    y, x = np.meshgrid(y, x, indexing="ij")
    one = np.ones_like(y)
    terms = np.stack([slope_y * y, slope_y * x, slope_x * y, slope_x * x, slope_y * one, slope_x])
    scale = np.array([middle[0], middle[1], middle[0], middle[1], 1.0, 1.0])
    covariance = np.full((6, 6), np.nan)
    for _ in range(_STEPS):
        seen = sampled(frame, matrix, offset, middle)
        used = inner & np.isfinite(seen)
        if used.sum() < 32:
            break
        columns = (terms[:, used].T / scale).astype(np.float64)
        away = seen[used] - mean[used]
        columns = columns - columns.mean(axis=0)
        away = away - away.mean()
        normal = columns.T @ columns
        if not np.linalg.cond(normal) < 1e10:
            break
        step = np.linalg.solve(normal, columns.T @ away) / scale
        left = away - columns @ (step * scale)
        covariance = np.linalg.inv(normal) * float(left @ left) / max(used.sum() - 7, 1)
        # The frame shows at r what the mean shows at (1 + a) r + b: that is undone.
        change = np.eye(2) + step[:4].reshape(2, 2)
        back = np.linalg.inv(change)
        matrix, offset = matrix @ back, offset - matrix @ back @ step[4:]
        if np.abs(step[:4]).max() * max(middle) < 1e-4 and np.abs(step[4:]).max() < 1e-4:
            break
    spread = np.sqrt(np.diag(covariance))[:4] / scale[:4]
    return matrix, offset, spread.reshape(2, 2)
