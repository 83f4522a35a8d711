"""Images of atomic columns, and stacks of drifting images."""

import itertools
from collections.abc import Sequence

import numpy as np
import xarray as xr

from omniscopy.model import coordinate, operation, result
from omniscopy.simulate.measurements import (
    Random,
    counted,
    grid,
    measurement,
    require_positive,
)


@operation(example={"extent": (2.0, 2.0)}, lazy=False)
def lattice_points(
    *,
    extent: tuple[float, float] = (5.12, 5.12),
    a: tuple[float, float] = (0.39, 0.0),
    b: tuple[float, float] = (0.0, 0.39),
    origin: tuple[float, float] = (0.1, 0.15),
) -> xr.Dataset:
    """Simulate the points of a lattice that lie in a rectangle at the origin.

    Parameters
    ----------
    extent : (float, float), nm
        Lengths along y and x.
    a, b : (float, float), nm
        Lattice vectors, as (y, x).
    origin : (float, float), nm
        One of the points, as (y, x).

    Returns
    -------
    Dataset, dimension atom
        ``y`` and ``x`` (nm), and the lattice indices ``index_a`` and ``index_b``.

    Raises
    ------
    DataError
        The extent is not positive, or the vectors lie along one line.

    Notes
    -----
    :math:`r = o + h a + k b` with whole h and k.
    """
    require_positive(extent_y=extent[0], extent_x=extent[1])
    vectors = np.array([a, b], dtype=float)
    require_positive(area=abs(float(np.linalg.det(vectors))))
    corners = np.array(list(itertools.product((0.0, extent[0]), (0.0, extent[1]))))
    reach = (corners - np.asarray(origin)) @ np.linalg.inv(vectors)
    low, high = np.floor(reach.min(axis=0)), np.ceil(reach.max(axis=0))
    ranges = [np.arange(first, last + 1) for first, last in zip(low, high, strict=True)]
    indices = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 2)
    points = np.asarray(origin) + indices @ vectors
    inside = ((points >= 0) & (points < np.asarray(extent))).all(axis=1)
    points, indices = points[inside], indices[inside].astype(int)
    atom = {"atom": coordinate("atom", np.arange(len(points)), "1")}
    columns = (points[:, 0], points[:, 1], indices[:, 0], indices[:, 1])
    y, x, index_a, index_b = (xr.DataArray(column, atom) for column in columns)
    return result(y=(y, "nm"), x=(x, "nm"), index_a=(index_a, "1"), index_b=(index_b, "1"))


@operation(example={"shape": (24, 20)}, lazy=False)
def atom_image(  # noqa: PLR0913 - each is a physical parameter
    shape: tuple[int, int] = (128, 128),
    *,
    sampling: float = 0.04,
    a: tuple[float, float] = (0.39, 0.0),
    b: tuple[float, float] = (0.0, 0.39),
    origin: tuple[float, float] = (0.1, 0.15),
    sigma: float = 0.06,
    counts: float = 200.0,
    second: float = 0.4,
    background: float = 20.0,
    noise: bool = True,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate an image of Gaussian atomic columns on a lattice with two columns a cell.

    Parameters
    ----------
    shape : (int, int)
        Pixels along y and x.
    sampling : float, nm
        Size of a pixel.
    a, b, origin : (float, float), nm
        Lattice vectors and one column of the first kind, as (y, x).
    sigma : float, nm
        Standard deviation of a column.
    counts : float
        Counts at the centre of a column of the first kind, above the background.
    second : float
        Height of the columns in the middle of the cells, relative to the first kind.
    background : float, counts
        Mean counts between the columns.
    noise : bool
        Draw Poisson counts (float32); otherwise the exact mean (float64).
    rng : int or Generator
        Seed of the noise.

    Returns
    -------
    DataArray, shape (y, x), counts
        `lattice_points` with the same vectors returns the columns of the first kind; their
        reciprocal vectors, in 1/nm, are in ``attrs["metadata"]["truth"]``.

    Raises
    ------
    DataError
        The shape has no points, `sigma` or `sampling` is not positive, or `a` and `b` lie along one
        line.

    Notes
    -----
    :math:`N = b + \sum_i c_i e^{-|r - r_i|^2 / 2 \sigma^2}`.
    """
    require_positive(sigma=sigma)
    coords = grid(shape, sampling, "nm", ("y", "x"))
    margin = 6 * sigma
    extent = tuple(sampling * size + 2 * margin for size in shape)
    mean = np.full(shape, float(background))
    middle = tuple((p + q) / 2 for p, q in zip(a, b, strict=True))
    for height, (dy, dx) in ((1.0, (0.0, 0.0)), (second, middle)):
        start = (origin[0] + dy + margin, origin[1] + dx + margin)
        points = lattice_points(extent=(extent[0], extent[1]), a=a, b=b, origin=start)
        centres = np.stack([points["y"].values, points["x"].values], axis=-1) - margin
        mean += _blobs(coords, centres, np.full(len(centres), sigma), counts * height)
    reciprocal = np.linalg.inv(np.array([a, b])).T
    truth = {
        "a": [*a], "b": [*b], "origin": [*origin], "sigma": sigma, "second": second,
        "g_a": reciprocal[0].tolist(), "g_b": reciprocal[1].tolist(),
    }  # fmt: skip
    return measurement(
        counted(xr.DataArray(mean, coords), noise=noise, rng=rng), title="HAADF",
        quantity="intensity", units="counts", modality="STEM", truth=truth,
    )  # fmt: skip


@operation(example={"frames": 3, "shape": (16, 20)}, lazy=False)
def image_stack(  # noqa: PLR0913 - each is a physical parameter
    frames: int = 8,
    shape: tuple[int, int] = (64, 72),
    *,
    sampling: float = 0.5,
    drift: tuple[float, float] = (0.31, -0.47),
    jitter: float = 0.1,
    particles: int = 25,
    counts: float = 150.0,
    noise: bool = True,
    rng: Random = 0,
) -> xr.DataArray:
    r"""Simulate a stack of images of particles that drift and shake.

    Parameters
    ----------
    frames : int
        Number of images.
    shape : (int, int)
        Pixels along y and x.
    sampling : float, nm
        Size of a pixel.
    drift : (float, float), nm
        How far the particles move along y and x from one frame to the next.
    jitter : float, nm
        Standard deviation of a further random shift of every frame but the first.
    particles : int
        Number of particles, some of which come in or leave.
    counts : float
        Counts at the centre of the brightest particle.
    noise : bool
        Draw Poisson counts (float32); otherwise the exact mean (float64).
    rng : int or Generator
        Seed of particles, jitter and noise.

    Returns
    -------
    DataArray, shape (frame, y, x), counts
        Where the particles of a frame are relative to the first is in
        ``attrs["metadata"]["truth"]``, ``shift_y`` and ``shift_x`` in nm.

    Raises
    ------
    DataError
        The shape has no points, or `frames`, `particles` or `sampling` is not positive.

    Notes
    -----
    :math:`N = 0.05\, c + \sum_i c_i e^{-|r - r_i - s|^2 / 2 w_i^2}` with the shift s of a frame.
    """
    require_positive(frames=frames, particles=particles)
    generator = np.random.default_rng(rng)
    coords = grid(shape, sampling, "nm", ("y", "x"))
    steps = np.arange(frames)[:, None]
    shifts = steps * np.asarray(drift) + np.where(steps > 0, jitter, 0) * (
        generator.standard_normal((frames, 2))
    )
    extent = sampling * np.asarray(shape)
    centres = generator.uniform(-0.15, 1.15, (particles, 2)) * extent
    widths = generator.uniform(2.0, 5.0, particles) * sampling
    heights = counts * generator.uniform(0.3, 1.0, particles)
    mean = [0.05 * counts + _blobs(coords, centres + s, widths, heights) for s in shifts]
    stack = xr.DataArray(
        np.stack(mean), {"frame": coordinate("frame", np.arange(frames), "1"), **coords}
    )
    truth = {"shift_y": shifts[:, 0].tolist(), "shift_x": shifts[:, 1].tolist(), "units": "nm"}
    return measurement(
        counted(stack, noise=noise, rng=generator), title="Image stack",
        quantity="intensity", units="counts", modality="TEM", truth=truth,
    )  # fmt: skip


def _blobs(
    coords: dict[str, xr.Variable],
    centres: np.ndarray,
    sigma: np.ndarray,
    height: np.ndarray | Sequence[float] | float,
) -> np.ndarray:
    """Return the sum of round Gaussians at `centres`, each as (y, x)."""
    heights = np.broadcast_to(np.asarray(height, dtype=float), len(centres))
    along_y, along_x = (
        np.exp(-0.5 * ((coords[dim].values - centres[:, n, None]) / sigma[:, None]) ** 2)
        for n, dim in enumerate(("y", "x"))
    )
    return np.einsum("n,ny,nx->yx", heights, along_y, along_x, optimize=True)
