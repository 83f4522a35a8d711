"""Frames of which every pixel may lie elsewhere than in the mean."""

import numpy as np
from scipy import ndimage

from omniscopy.compute.threads import share_work
from omniscopy.image.cleaning.image_noise import noise_of_image
from omniscopy.image.registration.resampling import shifted_back

# Scales, halved from one to the next, rounds on each, and how often the mean is made anew.
_SCALES, _STEPS, _ROUNDS = 3, 40, 2
_SMALLEST = 24
# Over how many widths the squares of what noise does are averaged.
_AVERAGED = 4.0
# The force of a pixel moves it by at most half of one.
_LIMIT = 0.5


def demons_registration(
    frames: np.ndarray, shifts: np.ndarray, *, width: tuple[float, float]
) -> tuple[np.ndarray, ...]:
    r"""Return displacements along y and x in pixels, their deviations, and the frames without them.

    Thirion's demons: :math:`u = (m - f) \nabla f / (|\nabla f|^2 + (m - f)^2)`, after which the
    displacement is smoothed [J.-P. Thirion, Med. Image Anal. 2, 243 (1998)], from coarse to fine.
    """
    return _registered(frames, shifts, lambda frame, mean: _demons(frame, mean, width), width)


def flow_registration(
    frames: np.ndarray, shifts: np.ndarray, *, width: tuple[float, float]
) -> tuple[np.ndarray, ...]:
    """Return the same by optical flow: Lucas and Kanade's method of scikit-image, iterated."""
    from skimage.registration import optical_flow_ilk

    radius = max(2, round(2 * max(width)))

    def flow(frame: np.ndarray, mean: np.ndarray) -> np.ndarray:
        scale = max(float(np.ptp(mean)), 1e-30)
        found = optical_flow_ilk(  # type: ignore[no-untyped-call]
            mean / scale, frame / scale, radius=radius, gaussian=True, dtype=np.float64
        )
        return np.asarray(found)

    return _registered(frames, shifts, flow, width)


def _registered(
    frames: np.ndarray, shifts: np.ndarray, find: object, width: tuple[float, float]
) -> tuple[np.ndarray, ...]:
    """Return displacements against the mean, made anew of the frames without them.

    Their deviations are what as much noise again changes, which is found by doing it: the rules
    by which displacements are made smooth have no covariance that could be written down.
    """
    placed = np.full(frames.shape, np.nan)
    moved, spread = np.full((2, 2, *frames.shape), np.nan)
    good = np.flatnonzero(np.isfinite(shifts).all(axis=1))
    start = np.full(frames.shape, np.nan)
    for frame in good:
        start[frame] = placed[frame] = shifted_back(frames[frame], shifts[frame], 3)

    for left in reversed(range(_ROUNDS)):
        finite = np.isfinite(placed[good])
        count = finite.sum(axis=0)
        mean = np.where(finite, placed[good], 0.0).sum(axis=0) / np.maximum(count, 1)
        level = float(mean[count > 0].mean()) if (count > 0).any() else 0.0
        mean = np.where(count > 0, mean, level)

        def work(number: int, mean: np.ndarray = mean, last: bool = not left) -> None:  # noqa: FBT001
            frame = good[number]
            missing = ~np.isfinite(start[frame])
            values = np.where(missing, mean, start[frame])
            u = find(values, mean)  # type: ignore[operator]
            if last:
                noise = np.nan_to_num(_more_noise(frames[frame], shifts[frame], frame))
                change = find(values + noise, mean) - u  # type: ignore[operator]
                for axis in (0, 1):
                    square = ndimage.gaussian_filter(change[axis] ** 2, _AVERAGED * max(width))
                    spread[axis, frame] = np.sqrt(square)
            moved[:, frame] = u
            placed[frame] = warped(values, u)
            if missing.any():
                placed[frame][warped(missing.astype(float), u, order=1) > 1e-3] = np.nan

        share_work(work, range(len(good)))
        if len(good):
            # The mean has no displacement of its own.
            moved[:, good] -= moved[:, good].mean(axis=1, keepdims=True)
    return *moved, *spread, placed


def _more_noise(frame: np.ndarray, shift: np.ndarray, number: int) -> np.ndarray:
    """Return as much white noise as a frame has, shifted as it is."""
    sigma = noise_of_image(frame, np.isfinite(frame))
    noise = np.random.default_rng(number).standard_normal(frame.shape)
    return shifted_back(np.nan_to_num(sigma) * noise, shift, 3)


def warped(image: np.ndarray, u: np.ndarray, order: int = 3) -> np.ndarray:
    """Return what an image shows at r + u, with u of shape (2, y, x) in pixels."""
    places = np.indices(image.shape, dtype=np.float64) + u
    return np.asarray(ndimage.map_coordinates(image, places, order=order, mode="nearest"))


def _demons(frame: np.ndarray, mean: np.ndarray, width: tuple[float, float]) -> np.ndarray:
    """Return the displacement of a frame against the mean, from coarse to fine."""
    scales = 1
    while scales < _SCALES and min(mean.shape) / 2**scales >= _SMALLEST:
        scales += 1
    u = np.zeros((2, *mean.shape))
    spread = float(mean.std()) or 1.0
    for scale in reversed(range(scales)):
        blur = 0.5 * 2**scale
        fixed = ndimage.gaussian_filter(mean, blur) / spread
        moving = ndimage.gaussian_filter(frame, blur) / spread
        slopes = np.stack(np.gradient(fixed))
        size = (slopes**2).sum(axis=0)
        for _ in range(_STEPS):
            away = warped(moving, u, order=1) - fixed
            force = -away * slopes / np.maximum(size + away**2, 1e-6)
            force = np.clip(force, -_LIMIT * 2**scale, _LIMIT * 2**scale)
            new = np.stack([ndimage.gaussian_filter(part, width) for part in u + force])
            change = float(np.abs(new - u).max())
            u = new
            if change < 5e-3:
                break
    return u
