"""Models that users write as formulas."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from omniscopy.model import DataError
from omniscopy.signal.components import Column, Component, Info, Part, Role
from omniscopy.signal.expression_units import powers_of_parameters
from omniscopy.signal.parameters import Setting
from omniscopy.signal.parsing import parse_expression, used_axes
from omniscopy.signal.programs import Program


@dataclass(frozen=True, init=False)
class Expression(Component):
    """A formula written as text, such as ``Expression("a*exp(-x/b) + c", b=2.0)``.

    Names other than those below are parameters; where they start, stay, or what they follow is
    said by further arguments, or by a mapping where a name is one of those of an argument here.
    Derivatives are exact. Units of parameters follow from those of the data and of the
    coordinates, where they do.

    Parameters
    ----------
    text : str
        Made of numbers, ``+ - * / **``, the coordinate `x` (of the columns of an image) and `y`
        (of its rows), `pi`, comparisons ``< <= > >=`` as the first argument of `where`, and the
        functions exp log log10 sqrt sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh erf
        erfc abs sign power minimum maximum where. A model of images uses `y`.
    settings : mapping of name to number, Fixed, Bounded or Tied
        What is said of parameters.
    name : str
        What the parameters are called after in the result; `expression` otherwise.
    **more
        Further settings, by the name of the parameter.

    Raises
    ------
    DataError
        The text is no such formula, or a setting is not of one of its parameters.
    """

    text: str
    settings: Mapping[str, Setting] = field(hash=False)
    name: str | None

    role: ClassVar[Role] = "other"

    def __init__(
        self,
        text: str,
        settings: Mapping[str, Setting] | None = None,
        *,
        name: str | None = None,
        **more: Setting,
    ) -> None:
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "settings", {**(settings or {}), **more})
        object.__setattr__(self, "name", name)
        require_settings(self.settings, self.program.names, text)

    @property
    def program(self) -> Program:
        """Return the steps of the formula."""
        return parse_expression(self.text)

    @property
    def ndim(self) -> int:  # type: ignore[override]
        """Return 2 if the formula uses `y`, 1 if only `x`, else 0."""
        return {"y": 2, "x": 1}.get("".join(used_axes(self.program))[-1:], 0)

    @property
    def infos(self) -> tuple[Info, ...]:
        """Return what the formula says of each parameter."""
        return _infos(self.text)

    def setting(self, parameter: str) -> Setting:
        """Return what was said of a parameter."""
        return self.settings.get(parameter)

    def parts(self) -> tuple[Part, ...]:
        """Return the formula, of the axes that it uses."""
        program = self.program
        columns = {
            0: (Column("power"),), 1: (Column(),), 2: (Column(axis=1), Column(axis=0)),
        }[self.ndim]  # fmt: skip
        return (Part(program, columns, program.constants, program.scratch),)


@functools.lru_cache(maxsize=256)
def _infos(text: str) -> tuple[Info, ...]:
    program = parse_expression(text)
    axes = ("y", "x") if "y" in used_axes(program) else ("x",)
    shifts, made = program.shifts(), []
    for name, linear, powers in zip(
        program.names, program.linear(), powers_of_parameters(program, axes), strict=True
    ):
        if powers is None:
            made.append(Info(name, stated="", linear=linear))
        else:
            data, by_axis, alike = powers
            place = name in shifts
            made.append(
                Info(name, data=data, axes=by_axis, alike=alike, linear=linear, place=place)
            )
    return tuple(made)


def require_settings(settings: Mapping[str, Any], names: tuple[str, ...], of: str) -> None:
    """Raise where something is said of what is not a parameter."""
    unknown = sorted(set(settings) - set(names))
    if unknown:
        message = f"{unknown} are not parameters of {of!r}; they are {list(names)}"
        raise DataError(message)
