"""How often atoms go from one state to another."""

import numpy as np
import xarray as xr

from omniscopy.atoms.tables import require_count
from omniscopy.compute import map_signal
from omniscopy.model import coordinate, operation, require_dim, require_real, result

_TRACK = "track"


@operation(example={"states": "atom_states", "n_states": 2})
def transition_matrix(
    states: xr.DataArray, n_states: int, *, lag: int = 1, dim: str = "frame"
) -> xr.Dataset:
    r"""Count how often a state is followed by each other one.

    Parameters
    ----------
    states : DataArray, shape (..., frame) or (..., track, frame)
        Whole numbers from 0 on, NaN (or below 0) where the state is not known; lazy or in memory.
        All trajectories along ``track`` are counted together.
    n_states : int
        How many states there are; others are not counted.
    lag : int
        Frames between a state and the next one.
    dim : str
        Of the frames.

    Returns
    -------
    Dataset, shape (..., state, next_state)
        ``probability`` that ``state`` is followed by ``next_state``, with ``probability_std``, and
        ``transitions``, how many were seen. Pure numbers; each row of probabilities sums to
        1. NaN for states never left.

    Raises
    ------
    DataError
        The dimension is missing or too short, or a number is below 1.

    Notes
    -----
    Maximum likelihood of a Markov chain: :math:`p_{ij} = n_{ij} / \sum_j n_{ij}`, with
    the standard deviation :math:`\sqrt{p_{ij} (1 - p_{ij}) / \sum_j n_{ij}}` of a multinomial
    distribution [1]_.

    References
    ----------
    .. [1] T. W. Anderson, L. A. Goodman, *Ann. Math. Stat.* 28, 89 (1957).

    Examples
    --------
    >>> import omniscopy as om
    >>> found = om.atoms.transition_matrix(om.samples.atom_states(), 2)
    >>> float(found["probability"].sum("next_state")[0])
    1.0
    """
    require_count("n_states", n_states)
    require_count("lag", lag)
    require_dim(states, dim, ascending=False, at_least=lag + 1)
    require_real(states)
    together = [name for name in (_TRACK,) if name in states.dims]
    sizes = {"state": n_states, "next_state": n_states}
    probability, std, count = map_signal(
        _followed, states, dim=[*together, dim], output_dims=[sizes] * 3,
        dtypes=[np.float64, np.float64, np.int64],
        parameters={"number": n_states, "lag": lag, "inner": 1 + len(together)},
    )  # fmt: skip
    found = result(
        None, probability=(probability, "1"), probability_std=(std, "1"), transitions=(count, "1")
    )
    numbers = np.arange(n_states)
    return found.assign_coords(
        {name: coordinate(name, numbers, "1", kind="parameter", quantity="state") for name in sizes}
    )


def _followed(
    block: np.ndarray, *, number: int, lag: int, inner: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    outer = block.shape[: block.ndim - inner]
    count = np.zeros((*outer, number, number), dtype=np.int64)
    for place in np.ndindex(*outer):
        values = np.nan_to_num(block[place].astype(np.float64), nan=-1.0)
        now, then = values[..., :-lag].ravel(), values[..., lag:].ravel()
        there = (now >= 0) & (then >= 0) & (now < number) & (then < number)
        np.add.at(count[place], (now[there].astype(int), then[there].astype(int)), 1)
    left = count.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        probability = count / left
        std = np.sqrt(probability * (1 - probability) / left)
    return probability, std, count
