"""How a training went, drawn."""

from typing import Any

import numpy as np
import xarray as xr

from omniscopy.model import DataError, coordinate, labelled


def plot_history(history: xr.Dataset, *names: str, **options: Any) -> Any:
    """Draw losses over epochs.

    Parameters
    ----------
    history : Dataset, dimension epoch
        ``history_`` of an estimator, or what `train_network` returns.
    names : str
        What is drawn; ``loss`` and ``validation_loss`` otherwise.
    options
        Of `plot.signal`.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        `history` is no Dataset along ``epoch``, or lacks one of `names`.
    """
    # Only what is drawn needs the library that draws.
    from omniscopy.plot.signals import signal

    if not isinstance(history, xr.Dataset) or "epoch" not in history.dims:
        message = f"expected the history of a training, along 'epoch', got {history!r:.200}"
        raise DataError(message)
    wanted = list(names) or [name for name in ("loss", "validation_loss") if name in history]
    missing = [name for name in wanted if name not in history]
    if missing:
        message = f"the history has no {missing}; there are {sorted(map(str, history.data_vars))}"
        raise DataError(message)
    curves = np.stack([history[name].values for name in wanted])
    drawn = xr.DataArray(
        curves, dims=("examples", "epoch"),
        coords={
            "examples": coordinate("examples", wanted, None, kind="channel"),
            "epoch": history["epoch"].variable,
        },
    )  # fmt: skip
    return signal(labelled(drawn, units="1", long_name="Loss", quantity="loss"), **options)
