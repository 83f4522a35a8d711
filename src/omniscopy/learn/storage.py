"""Models in files: plain JSON and tensors. Nothing that is read is ever executed."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from omniscopy.io.atomic import atomic_target
from omniscopy.io.errors import FormatError
from omniscopy.learn.models import Estimator
from omniscopy.model import DataError, decode
from omniscopy.model.parameters import find_public, public_name
from omniscopy.model.provenance import environment

FORMAT = "omniscopy-model-1"
SETTINGS, WEIGHTS = "model.json", "weights.safetensors"
# Beyond these, a file is no network of a microscopist.
_MOST_JSON, _MOST_WEIGHTS = 2**24, 2**34


def save(
    model: Estimator,
    path: str | Path,
    *,
    overwrite: bool = False,
    half: bool = False,
) -> Path:
    """Write a model that has learnt something.

    Parameters
    ----------
    model : Estimator
    path : path
        A folder to be, or a file ``.zip``.
    overwrite : bool
        Replace what is there.
    half : bool
        Keep weights in half precision, in half the room; the model itself is rounded too.

    Returns
    -------
    Path

    Raises
    ------
    FileExistsError
        There is something and `overwrite` is false.
    DataError
        A setting cannot be written as plain JSON.
    """
    path = Path(path)
    model.ready()
    if half:
        model.net_.load_state_dict(
            {name: _halved(each) for name, each in model.net_.state_dict().items()}
        )
    settings = model.settings
    for name, value in settings.items():
        if "unrecorded" in json.dumps(value):
            message = f"the setting {name}={value.get('text', value)!r} cannot be written to a file"
            raise DataError(message)
    told = {
        "format": FORMAT, "class": public_name(type(model)), "settings": settings,
        "facts": model.facts_, "about": model.about_, "digest": model.digest,
        "environment": {**environment(), "torch": str(torch.__version__)},
    }  # fmt: skip
    text = json.dumps(told, indent=1, sort_keys=True)
    tensors = {
        name: (_shrunk(each) if half else each.detach().cpu()).contiguous()
        for name, each in model.net_.state_dict().items()
    }
    content = save_tensors(tensors)
    with atomic_target(path, overwrite=overwrite) as place:
        if path.suffix == ".zip":
            with zipfile.ZipFile(place, "w", zipfile.ZIP_STORED) as file:
                file.writestr(SETTINGS, text)
                file.writestr(WEIGHTS, content)
        else:
            place.mkdir()
            (place / SETTINGS).write_text(text + "\n", encoding="utf-8")
            (place / WEIGHTS).write_bytes(content)
    return path


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
    read = _reader(path)
    told = _settings(read(SETTINGS, _MOST_JSON), path)
    name = told["class"]
    try:
        kind = find_public(name)
    except DataError as error:
        raise FormatError(str(error), path=path, key="class") from error
    if not (isinstance(kind, type) and issubclass(kind, Estimator)):
        message = f"{name!r} is no estimator"
        raise FormatError(message, path=path, key="class")
    try:
        tensors = load_tensors(read(WEIGHTS, _MOST_WEIGHTS))
    except SafetensorError as error:
        message = f"the weights are damaged ({error})"
        raise FormatError(message, path=path, key=WEIGHTS) from error
    try:
        settings = {key: decode(value) for key, value in told["settings"].items()}
        # JSON has lists only; settings are tuples.
        model = kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})
        return model.adopt(told["facts"], tensors, told.get("about"))
    except (DataError, TypeError, KeyError) as error:
        message = f"settings and weights do not make a model ({error})"
        raise FormatError(message, path=path) from error


def _reader(path: Path) -> Callable[[str, int], bytes]:
    """Return what reads a part of a folder or an archive, up to a size."""
    if path.is_dir():

        def from_folder(name: str, most: int) -> bytes:
            part = path / name
            if not part.is_file():
                raise FormatError(_not_a_model(), path=path, key=name)
            _require_size(part.stat().st_size, most, path, name)
            return part.read_bytes()

        return from_folder
    if not path.exists():
        message = f"{path} is not there"
        raise FileNotFoundError(message)
    if not zipfile.is_zipfile(path):
        raise FormatError(_not_a_model(), path=path)

    def from_archive(name: str, most: int) -> bytes:
        with zipfile.ZipFile(path) as file:
            if name not in file.namelist():
                raise FormatError(_not_a_model(), path=path, key=name)
            _require_size(file.getinfo(name).file_size, most, path, name)
            try:
                return file.read(name)
            except (zipfile.BadZipFile, NotImplementedError) as error:
                message = f"the archive is damaged ({error})"
                raise FormatError(message, path=path, key=name) from error

    return from_archive


def _settings(content: bytes, path: Path) -> dict[str, Any]:
    """Return ``model.json`` once it is known to be one."""
    try:
        told = json.loads(content)
    except (ValueError, RecursionError) as error:
        message = f"this is no JSON ({error})"
        raise FormatError(message, path=path, key=SETTINGS) from error
    kinds = {"class": str, "settings": dict, "facts": dict}
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        found = told.get("format") if isinstance(told, dict) else type(told).__name__
        message = f"expected the format {FORMAT!r}, got {found!r}"
        raise FormatError(message, path=path, key=SETTINGS)
    for key, kind in kinds.items():
        if not isinstance(told.get(key), kind):
            message = f"{key!r} must be a {kind.__name__}, got {told.get(key)!r}"
            raise FormatError(message, path=path, key=SETTINGS)
    return told


def _require_size(size: int, most: int, path: Path, name: str) -> None:
    if size > most:
        message = f"{size} bytes are more than the {most} that a model may have"
        raise FormatError(message, path=path, key=name)


def _not_a_model() -> str:
    return (
        f"a model is a folder or .zip with {SETTINGS} and {WEIGHTS}. Files of weights that have to "
        "be unpickled (.pt, .pth, .tar, .pkl) may run anything and are not read"
    )


def _halved(values: torch.Tensor) -> torch.Tensor:
    return values.half().to(values.dtype) if values.is_floating_point() else values


def _shrunk(values: torch.Tensor) -> torch.Tensor:
    found = values.detach().cpu()
    return found.half() if found.is_floating_point() else found
