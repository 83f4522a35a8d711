"""Networks for other programs, in the open exchange format."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from omniscopy.io.atomic import atomic_target
from omniscopy.learn.models import Estimator
from omniscopy.model import DataError

_TOLERANCE = 1e-4


def export_onnx(
    model: Estimator,
    path: str | Path,
    *,
    opset: int = 18,
    verify: bool = True,
    overwrite: bool = False,
) -> Path:
    """Write the network of a model as ONNX, with any number of examples.

    Parameters
    ----------
    model : Estimator
        That has learnt something.
    path : path
        ``.onnx``.
    opset : int
        Version of the operators.
    verify : bool
        Run what was written with onnxruntime; its answers agree to 1e-4 of their range.
    overwrite : bool
        Replace what is there.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        The answers differ.

    Notes
    -----
    Only the network is written: what is done to images before, and to its answers afterwards, is
    not. The size of images is that of the example.
    """
    path = Path(path)
    _, device = model.ready()
    net = model.exported()
    example = tuple(each.to(device) for each in model.example_input())
    shapes = tuple({0: torch.export.Dim.DYNAMIC} for _ in example)
    with atomic_target(path, overwrite=overwrite) as place, _quiet():
        torch.onnx.export(
            net, example, place, dynamo=True, opset_version=opset, dynamic_shapes=shapes,
            input_names=list(model.inputs), output_names=list(model.outputs),
            external_data=False, verbose=False,
        )  # fmt: skip
        if verify:
            _verify(net, example, place)
    return path


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep quiet what the exporter says of itself, and of operators of torchvision."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _verify(net: torch.nn.Module, example: tuple[torch.Tensor, ...], path: Path) -> None:
    """Raise unless the file gives the answers of the network."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        wanted = net(*example)
    wanted = wanted if isinstance(wanted, tuple | list) else (wanted,)
    given = {
        each.name: values.cpu().numpy()
        for each, values in zip(session.get_inputs(), example, strict=True)
    }
    for own, other in zip(wanted, session.run(None, given), strict=True):
        values = own.cpu().numpy()
        away = float(np.abs(values - other).max(initial=0.0))
        if not away <= _TOLERANCE * max(1.0, float(np.ptp(values))):
            message = f"the exported network differs by {away:.3g} from the model"
            raise DataError(message)
