"""Models from files."""

from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.learn.models import Estimator
from omniscopy.learn.storage import read
from omniscopy.model import DataError, decode
from omniscopy.model.parameters import find_public


def load(path: str | Path) -> Any:
    """Return a model that was saved: any estimator of this package.

    Parameters
    ----------
    path : path
        A folder or ``.zip`` with ``model.json`` and ``weights.safetensors``.

    Returns
    -------
    Estimator
        Fitted, on the processor, of the class that was saved.

    Raises
    ------
    FormatError
        It is no such folder or file, is damaged, or contradicts itself. Files that have to be
        unpickled are never read.
    FileNotFoundError
        There is nothing.
    """
    path = Path(path)
    told, weights = read(path)
    name = told["class"]
    try:
        kind = find_public(name)
    except DataError as error:
        raise FormatError(str(error), path=path, key="class") from error
    if not (isinstance(kind, type) and issubclass(kind, Estimator)):
        message = f"{name!r} is no estimator"
        raise FormatError(message, path=path, key="class")
    tensors = weights()
    try:
        settings = {key: decode(value) for key, value in told["settings"].items()}
        # JSON has lists only; settings are tuples.
        model = kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})
        return model.adopt(told["facts"], tensors, told.get("about"))
    except (DataError, TypeError, KeyError) as error:
        message = f"settings and weights do not make a model ({error})"
        raise FormatError(message, path=path) from error
