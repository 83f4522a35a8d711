"""How often atoms are so far apart, over how often they would be at random."""

import numpy as np
import xarray as xr

from omniscopy.atoms.neighbourhoods.distances import usual_distance
from omniscopy.atoms.tables import (
    Arrays,
    Column,
    map_tables,
    require_count,
    require_length,
    require_positions,
)
from omniscopy.model import DataError, Status, coordinate, operation
from omniscopy.model.units import product


@operation(example={"positions": "atom_positions", "max_distance": 1.0})
def measure_pair_distribution(
    positions: xr.Dataset,
    max_distance: float,
    *,
    bins: int = 200,
    field: tuple[tuple[float, float], tuple[float, float]] | None = None,
) -> xr.Dataset:
    r"""Measure the pair distribution of positions in a plane.

    Parameters
    ----------
    positions : Dataset, shape (..., atom)
        ``y`` and ``x`` in the same units; lazy or in memory.
    max_distance : float, units of the positions
        Pairs up to here are counted.
    bins : int
        Of the distance.
    field : ((top, bottom), (left, right)), units of the positions
        The rectangle that was looked at; otherwise the one around the atoms, wider by half the
        usual distance of neighbours on each side, which is right for a crystal.

    Returns
    -------
    Dataset, shape (..., distance)
        ``pair_distribution`` :math:`g(r)`, 1 where atoms are as often as at random, and its
        ``_std``; ``pairs``, how many were counted (each once); ``density`` of the atoms, in one
        over the units of the positions squared. NaN with `status` 4 (no data) for fewer than two
        atoms.

    Raises
    ------
    DataError
        There are no positions, or a length is not above 0.

    Notes
    -----
    .. math:: g(r) = \frac{2 n(r)}{N \rho \, 2 \pi r \, \Delta r \, \gamma(r)}

    with the part :math:`\gamma(r) = 1 - \frac{2 r}{\pi} (\frac1a + \frac1b) +
    \frac{r^2}{\pi a b}` of a circle that is inside of the rectangle on average, exact for r up
    to its shorter side [1]_. NaN beyond that. The standard deviation is that of a count of
    pairs: too small where r is no longer small beside the field.

    References
    ----------
    .. [1] D. Stoyan, H. Stoyan, *Fractals, Random Shapes and Point Fields*, Wiley (1994),
       appendix K (set covariance of a rectangle).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.atoms.measure_pair_distribution(om.samples.atom_positions(), 1.0)
    >>> round(float(found["density"]), 1), found["density"].attrs["units"]
    (11.8, '1/nm^2')
    """
    units = require_positions(positions)
    require_length("max_distance", max_distance)
    require_count("bins", bins)
    if field is not None and not all(low < high for low, high in field):
        message = f"field must be ((top, bottom), (left, right)), low before high, got {field}"
        raise DataError(message)
    along = ("distance",)
    columns = {
        "pair_distribution": Column("1", along), "pair_distribution_std": Column("1", along),
        "pairs": Column("1", along, np.int64, 0), "density": Column(product((units, -2)), ()),
        "status": Column("1", (), np.uint8, Status.NO_DATA),
    }  # fmt: skip
    edges = np.linspace(0.0, max_distance, bins + 1)
    found = map_tables(
        _counted, positions, columns, sizes={"distance": bins},
        parameters={"edges": edges, "field": field},
    )  # fmt: skip
    middle = (edges[1:] + edges[:-1]) / 2
    axis = coordinate("distance", middle, units, kind="spectral", quantity="length")
    return found.assign_coords(distance=axis)


def _counted(
    points: np.ndarray, _rows: np.ndarray, *, edges: np.ndarray,
    field: tuple[tuple[float, float], tuple[float, float]] | None,
) -> Arrays:  # fmt: skip
    from scipy.spatial import KDTree

    if field is not None:
        low, high = np.array(field, dtype=np.float64).T
        points = points[((points >= low) & (points <= high)).all(axis=1)]
    if len(points) < 2:
        return {}
    if field is None:
        half = usual_distance(points) / 2
        low, high = points.min(axis=0) - half, points.max(axis=0) + half
    sides = high - low
    if not (sides > 0).all():
        return {}
    tree = KDTree(points)
    pairs = tree.query_pairs(edges[-1], output_type="ndarray")
    lengths = np.hypot(*(points[pairs[:, 0]] - points[pairs[:, 1]]).T)
    counts = np.histogram(lengths, edges)[0]
    r, count, area = (edges[1:] + edges[:-1]) / 2, len(points), float(sides.prod())
    inside = 1 - 2 * r / np.pi * (1 / sides).sum() + r**2 / (np.pi * area)
    ring = np.pi * np.diff(edges**2)
    expected = count * (count - 1) / 2 / area * ring * inside
    expected[r > sides.min()] = np.nan
    return {
        "pair_distribution": counts / expected,
        "pair_distribution_std": np.sqrt(counts) / expected,
        "pairs": counts, "density": np.asarray(count / area),
        "status": np.asarray(Status.CONVERGED),
    }  # fmt: skip
