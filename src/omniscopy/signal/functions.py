"""Models that users bring as functions of Python."""

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from omniscopy.model import DataError, ReplayWarning
from omniscopy.model.digests import digest_bytes
from omniscopy.signal.callables import CallableFormula
from omniscopy.signal.components import Column, Component, Info, Part, Role
from omniscopy.signal.expressions import require_settings
from omniscopy.signal.parameters import Fixed, Setting

# Functions that this process has seen, by the name that results remember them by.
_known: dict[str, Callable[..., Any]] = {}


@dataclass(frozen=True, init=False)
class Function(Component):
    """A function of Python, such as ``Function(line, ["slope", "level"])``.

    A result remembers the function by its name and a digest of its source, never its code. To
    replay it, make the model once in the same process, so that the function is known; functions
    without a name of their own (lambdas, functions inside of others) cannot be replayed. An
    `Expression` has neither limit, and is fitted about ten times faster.

    Parameters
    ----------
    function : callable
        Takes the coordinate as an array (x and y for images), then one number for each parameter,
        and returns an array like the coordinate. If it also works with columns of parameters, of
        shape (n, 1), it is called for many spectra at once.
    parameters : sequence of str
        Their names; those of the function's own arguments otherwise.
    settings : mapping of name to number, Fixed, Bounded or Tied
        What is said of parameters. Those that the model is not linear in need a number to start
        from, or two bounds.
    derivatives : callable
        Takes the same, and returns one array for each parameter; differences are taken otherwise.
    linear : sequence of str
        Parameters that the function is linear in: they need no start.
    units : mapping of name to str
        Units of parameters; unknown otherwise.
    ndim : {1, 2}
        Whether it is a model of spectra or of images.
    is_complex : bool
        Whether its values are complex.
    name : str
        What the parameters are called after in the result; that of the function otherwise.
    digest : str
        Of the source, as a result has recorded it.

    Raises
    ------
    DataError
        The parameters cannot be told, or a setting is not of one of them.
    """

    function: Callable[..., Any] | str
    parameters: tuple[str, ...]
    settings: Mapping[str, Setting] = field(hash=False)
    derivatives: Callable[..., Any] | str | None
    linear: tuple[str, ...]
    units: Mapping[str, str] = field(hash=False)
    ndim: int  # type: ignore[misc]
    is_complex: bool
    name: str | None
    digest: str

    role: ClassVar[Role] = "other"

    def __init__(  # noqa: PLR0913 - what is said of a function
        self,
        function: Callable[..., Any] | str,
        parameters: Sequence[str] | None = None,
        settings: Mapping[str, Setting] | None = None,
        *,
        derivatives: Callable[..., Any] | str | None = None,
        linear: Sequence[str] = (),
        units: Mapping[str, str] | None = None,
        ndim: int = 1,
        is_complex: bool = False,
        name: str | None = None,
        digest: str | None = None,
    ) -> None:
        called, slopes = (
            _callable(function),
            None if derivatives is None else _callable(derivatives),
        )
        if ndim not in (1, 2):
            message = f"ndim must be 1 (spectra) or 2 (images), got {ndim!r}"
            raise DataError(message)
        names = _names(called, ndim) if parameters is None else _checked(parameters)
        values = {
            "function": _recorded(called), "parameters": names, "settings": dict(settings or {}),
            "derivatives": None if slopes is None else _recorded(slopes), "linear": tuple(linear),
            "units": dict(units or {}), "ndim": ndim, "is_complex": bool(is_complex),
            "name": name, "digest": _digest(called),
        }  # fmt: skip
        for key, value in values.items():
            object.__setattr__(self, key, value)
        formula = CallableFormula(called, slopes, len(names), self.label, self.is_complex)
        object.__setattr__(self, "_formula", formula)
        for said in (self.settings, self.linear, self.units):
            require_settings(dict.fromkeys(said), names, self.label)
        if digest is not None and digest != self.digest:
            message = f"{self.label} is not the function that was recorded: its source has changed"
            warnings.warn(message, ReplayWarning, stacklevel=2)

    @property
    def label(self) -> str:
        """Return the name that the parameters get when there is one such component."""
        own = self.function if isinstance(self.function, str) else self.function.__name__
        last = own.rpartition(".")[2]
        return self.name or (last if last.isidentifier() else "function")

    @property
    def infos(self) -> tuple[Info, ...]:
        """Return what was said of each parameter."""
        return tuple(
            Info(each, stated=self.units.get(each, ""), linear=each in self.linear)
            for each in self.parameters
        )

    def setting(self, parameter: str) -> Setting:
        """Return what was said of a parameter."""
        return self.settings.get(parameter)

    def parts(self) -> tuple[Part, ...]:
        """Return the formula, of x, or of x and y."""
        columns = (Column(),) if self.ndim == 1 else (Column(axis=1), Column(axis=0))
        formula: CallableFormula = self._formula  # type: ignore[attr-defined]
        return (Part(formula, columns),)

    def require_axes(self, axes: Sequence[np.ndarray]) -> None:
        """Raise where the function does not give an array like the axis."""
        formula: CallableFormula = self._formula  # type: ignore[attr-defined]
        given = np.array([_typical(self.setting(each)) for each in self.parameters])
        formula.require(list(axes)[::-1], given)


def _callable(function: object) -> Callable[..., Any]:
    """Return a function, or the one that is known by a name."""
    if isinstance(function, str):
        if function not in _known:
            message = (
                f"{function!r} was recorded by its name only, and is not known yet: import it, and "
                f"make the model once, as in `Function({function.rpartition('.')[2]}, ...)`"
            )
            raise DataError(message)
        return _known[function]
    if not callable(function):
        message = f"expected a function, got {type(function).__name__}"
        raise DataError(message)
    return function


def _recorded(function: Callable[..., Any]) -> Callable[..., Any] | str:
    """Return the name by which a function is recorded; itself if it has none of its own."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "<>")
    if not module or "<" in name:
        return function
    _known[f"{module}.{name}"] = function
    return f"{module}.{name}"


def _digest(function: Callable[..., Any]) -> str:
    """Return a digest of the source of a function, and of the values that it encloses."""
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        source = repr((code.co_code, code.co_consts, code.co_names)) if code else repr(function)
    cells = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    enclosed = [repr(each) for each in (cells, getattr(function, "__defaults__", None))]
    return digest_bytes(source.encode(), *(each.encode() for each in enclosed))


def _names(function: Callable[..., Any], ndim: int) -> tuple[str, ...]:
    """Return the names of the arguments that follow the coordinates."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        arguments = [*inspect.signature(function).parameters.values()]
    except (TypeError, ValueError):
        arguments = []
    names = tuple(each.name for each in arguments if each.kind in kinds)[ndim:]
    if not names:
        message = "the function does not say what its parameters are called: give `parameters`"
        raise DataError(message)
    return names


def _checked(parameters: Sequence[str]) -> tuple[str, ...]:
    names = tuple(parameters) if not isinstance(parameters, str) else ()
    if not names or not all(isinstance(each, str) and each.isidentifier() for each in names):
        message = f"parameters must be names such as ['slope', 'level'], got {parameters!r}"
        raise DataError(message)
    return names


def _typical(setting: Setting) -> float:
    """Return a value that a parameter may have."""
    value = setting.value if isinstance(setting, Fixed) else getattr(setting, "start", setting)
    return float(value) if isinstance(value, int | float) else 1.0
