"""Models in files: plain JSON and tensors. Nothing that is read is ever executed."""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from omniscopy.io.atomic import atomic_target
from omniscopy.io.errors import FormatError

FORMAT = "omniscopy-model-1"
SETTINGS, WEIGHTS = "model.json", "weights.safetensors"
# Beyond these, a file is no network of a microscopist.
_MOST_JSON, _MOST_WEIGHTS = 2**24, 2**34


def write(
    path: Path, told: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], *, overwrite: bool
) -> None:
    """Write what is said of a model and its weights, to a folder or a file ``.zip``."""
    written = {"format": FORMAT, **told}
    text = json.dumps(written, indent=1, sort_keys=True)
    content = save_tensors(dict(tensors))
    with atomic_target(path, overwrite=overwrite) as place:
        if path.suffix == ".zip":
            with zipfile.ZipFile(place, "w", zipfile.ZIP_STORED) as file:
                file.writestr(SETTINGS, text)
                file.writestr(WEIGHTS, content)
        else:
            place.mkdir()
            (place / SETTINGS).write_text(text + "\n", encoding="utf-8")
            (place / WEIGHTS).write_bytes(content)


def read(path: Path) -> tuple[dict[str, Any], Callable[[], dict[str, torch.Tensor]]]:
    """Return what is said of a model, and what reads its weights; damage is a `FormatError`."""
    part = _reader(path)
    told = _settings(part(SETTINGS, _MOST_JSON), path)

    def weights() -> dict[str, torch.Tensor]:
        try:
            return load_tensors(part(WEIGHTS, _MOST_WEIGHTS))
        except SafetensorError as error:
            message = f"the weights are damaged ({error})"
            raise FormatError(message, path=path, key=WEIGHTS) from error

    return told, weights


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
