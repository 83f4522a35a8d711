"""Where training stands, kept on disk after each epoch: tensors and plain numbers, no code."""

import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from omniscopy.io.errors import FormatError
from omniscopy.model import DataError

_NAME = "checkpoint.safetensors"
_FORMAT = "omniscopy-checkpoint-1"


def write_checkpoint(
    folder: Path, tensors: Mapping[str, torch.Tensor], numbers: Mapping[str, Any]
) -> None:
    """Write one file, in place of the last one only when it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{uuid.uuid4().hex[:8]}.safetensors"
    kept = {name: each.detach().cpu().contiguous().clone() for name, each in tensors.items()}
    try:
        save_file(kept, temporary, {"format": _FORMAT, "numbers": json.dumps(numbers)})
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(folder / _NAME)
    finally:
        temporary.unlink(missing_ok=True)


def read_checkpoint(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
    """Return what was written last, None where nothing was."""
    path = folder / _NAME
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            told = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        message = f"this is no whole checkpoint ({error})"
        raise FormatError(message, path=path) from error
    if told.get("format") != _FORMAT:
        message = f"expected a checkpoint {_FORMAT!r}, got {told.get('format')!r}"
        raise FormatError(message, path=path)
    return tensors, json.loads(told["numbers"])


def require_same(found: object, wanted: object, folder: Path) -> None:
    """Raise where a checkpoint is of another training."""
    if found != wanted:
        message = (
            f"the checkpoint in {folder} is of another training ({found!r}, not {wanted!r}); "
            "give another folder, or resume=False to begin anew"
        )
        raise DataError(message)
