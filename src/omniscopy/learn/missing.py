"""What is said where torch is not installed."""

from collections.abc import Callable
from typing import Any

from omniscopy.model import MissingDependencyError

_EXTRA = ("torch", "safetensors", "onnx", "onnxruntime", "onnxscript")


def naming_the_extra(find: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return `find`, which raises what names the extra where a package of it is missing."""

    def found(name: str) -> Any:
        try:
            return find(name)
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package not in _EXTRA:
                raise
            raise MissingDependencyError(package, extra="learn", purpose=f"learn.{name}") from error

    return found
