"""Scanned nanobeam diffraction of a strained crystal, as a camera records it."""

import itertools

import numpy as np
import xarray as xr

from omniscopy.model import coordinate, operation
from omniscopy.physics import line_shapes
from omniscopy.simulate.measurements import Random, grid, measurement, require_positive

Pair = tuple[float, float]
# How thick a crystal is in which all of the intensity has gone into a disc of g = 1 (two beams).
_PERIOD = 2.0


@operation(
    example={"shape": (2, 3), "pattern_shape": (40, 36), "pixel": 0.4, "reach": 1}, lazy=False
)
def nanobeam_4d(  # noqa: PLR0913 - each is a physical parameter
    shape: tuple[int, int] = (6, 8),
    pattern_shape: tuple[int, int] = (72, 76),
    *,
    sampling: float = 2.0,
    pixel: float = 0.2,
    radius: float = 0.9,
    g: tuple[Pair, Pair] = ((3.0, 0.4), (-0.5, 3.4)),
    reach: int = 2,
    strain: tuple[float, float, float] = (-0.01, 0.02, 0.005),
    rotation: float = 0.5,
    centre: Pair = (0.15, -0.25),
    descan: Pair = (0.02, -0.015),
    ellipse: Pair = (0.0, 0.0),
    detector_rotation: float = 0.0,
    thickness: Pair = (0.4, 0.7),
    background: float = 0.02,
    counts: float = 4e4,
    noise: bool = True,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate a scan over a crystal of which the right half is strained and turned.

    Parameters
    ----------
    shape : (int, int)
        Points of the scan along y and x.
    pattern_shape : (int, int)
        Pixels of a pattern along ky and kx.
    sampling : float, nm
        Distance of the points of the scan.
    pixel : float, 1/nm
        Size of a pixel of a pattern.
    radius : float, 1/nm
        Radius of the discs.
    g : ((ky, kx), (ky, kx)), 1/nm
        Two reciprocal vectors without strain.
    reach : int
        Largest index of the discs.
    strain : (yy, xx, xy)
        Of the right half of the scan; positive where the lattice is stretched, xy is half of
        the shear angle.
    rotation : float, degrees
        Of the lattice in the right half, from +x towards +y.
    centre : (ky, kx), 1/nm
        The middle of the pattern in the middle of the scan.
    descan : (float, float), 1/nm per nm
        How far the pattern moves along ky with y, and along kx with x.
    ellipse : (cosine, sine)
        Parts of the second order of an elliptic distortion about the middle of the pattern: what
        belongs at :math:`r` is at :math:`r (1 + c \cos 2\varphi + s \sin 2\varphi)`.
    detector_rotation : float, degrees
        By how much the detector is turned against the scan: patterns are seen turned from +kx
        towards +ky by it.
    thickness : (float, float)
        At the first and at the last y, over the distance in which a disc whose :math:`|g|` is
        1 / radius would swing once: discs of two beams swing with it.
    background : float
        Diffuse intensity between the discs, over that of the undiffracted disc.
    counts : float
        Mean counts of a pattern.
    noise : bool
        Draw Poisson counts (uint16); otherwise the exact mean (float64).
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (y, x, ky, kx), counts
        The truth of each position is in ``attrs["metadata"]["truth"]``: ``centre_ky``,
        ``centre_kx``, and which columns are strained (``strained``).

    Raises
    ------
    DataError
        A shape has no points, or `sampling`, `pixel`, `radius` or `counts` is not positive.

    Notes
    -----
    A deformation :math:`F` of the crystal takes :math:`g` to :math:`F^{-T} g`. Discs have the
    intensity :math:`w_g \sin^2(\pi t / \xi_g)` with extinction distances that grow with g.

    The intensity is that of two beams [1]_.

    References
    ----------
    .. [1] L. Reimer and H. Kohl, *Transmission Electron Microscopy*, 5th ed., Springer (2008),
       chapter 7.
    """
    require_positive(pixel=pixel, radius=radius, counts=counts)
    scan = grid(shape, sampling, "nm", ("y", "x"))
    grid(pattern_shape, pixel, "1/nm", ("ky", "kx"))
    ky, kx = (pixel * (np.arange(size) - size // 2) for size in pattern_shape)
    y, x = (values - values.mean() for values in (scan["y"].values, scan["x"].values))
    strained = np.arange(shape[1]) >= shape[1] - shape[1] // 2
    turn = np.radians(rotation)
    yy, xx, xy = strain
    # The rotation takes +x towards +y: displacements dy = turn x, dx = -turn y.
    gradient = np.array([[1 + yy, xy], [xy, 1 + xx]])
    deformed = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) @ gradient
    vectors = {False: np.array(g), True: np.array(g) @ np.linalg.inv(deformed)}
    seen = np.radians(detector_rotation)
    turned = np.array([[np.cos(seen), -np.sin(seen)], [np.sin(seen), np.cos(seen)]])
    middle_y = centre[0] + descan[0] * y[:, None] + 0 * x
    middle_x = centre[1] + descan[1] * x + 0 * y[:, None]
    depth = np.linspace(*thickness, shape[0])
    field_y, field_x = np.meshgrid(ky, kx, indexing="ij")
    mean = np.empty((*shape, *pattern_shape))
    for i, j in np.ndindex(*shape):
        centre_of = (float(middle_y[i, j]), float(middle_x[i, j]))
        round_y, round_x = _rounded(field_y - centre_of[0], field_x - centre_of[1], ellipse)
        pattern = np.full(pattern_shape, float(background))
        for h, k in itertools.product(range(-reach, reach + 1), repeat=2):
            at = (np.array([h, k]) @ vectors[bool(strained[j])]) @ turned
            away = np.hypot(round_y - at[0], round_x - at[1])
            brightness = _brightness(np.hypot(h, k), float(depth[i]))
            pattern += brightness * line_shapes.logistic_step(radius - away, 0.0, pixel / 2)
        mean[i, j] = pattern * counts / pattern.sum()
    values = np.random.default_rng(rng).poisson(mean).astype(np.uint16) if noise else mean
    coords = {
        **scan, "ky": coordinate("ky", ky, "1/nm"), "kx": coordinate("kx", kx, "1/nm"),
    }  # fmt: skip
    truth = {
        "g": [[*each] for each in g], "radius": radius, "strain": [*strain], "rotation": rotation,
        "strained": strained.tolist(), "centre_ky": middle_y.tolist(),
        "centre_kx": middle_x.tolist(), "ellipse": [*ellipse],
        "detector_rotation": detector_rotation,
    }  # fmt: skip
    return measurement(
        xr.DataArray(values, coords, dims=("y", "x", "ky", "kx")), title="Nanobeam diffraction",
        quantity="intensity", units="counts", modality="STEM", truth=truth,
    )  # fmt: skip


def _rounded(y: np.ndarray, x: np.ndarray, ellipse: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Return where what is seen at (y, x) would be without the ellipse."""
    angle = np.arctan2(y, x)
    scale = 1 + ellipse[0] * np.cos(2 * angle) + ellipse[1] * np.sin(2 * angle)
    return y / scale, x / scale


def _brightness(order: float, depth: float) -> float:
    """Return the intensity of a disc, over that of the undiffracted one."""
    if order == 0:
        return 1.0
    weight = np.exp(-(order**2) / 4)
    swing = np.sin(np.pi * depth / (_PERIOD * order)) ** 2
    return float(weight * swing)
