"""Formulas that users write as text, read without ever being run as code.

Python's own parser makes a tree of the text; only arithmetic, names, numbers, comparisons and
the functions below are taken from it.
"""

import ast
import functools
import math
from collections.abc import Sequence

import numpy as np

from omniscopy.model import DataError
from omniscopy.signal.programs import Program
from omniscopy.signal.steps import RULES, Step

# What can be written is bounded, so that text from a file can do no more harm than be refused.
LONGEST, DEEPEST, MOST_STEPS, MOST_PARAMETERS = 2000, 100, 250, 50
CONSTANTS = {"pi": math.pi}
AXES = ("x", "y")

_UNARY = (
    "exp", "log", "sqrt", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh",
    "tanh", "erf", "erfc", "abs", "sign",
)  # fmt: skip
# How many arguments functions take.
FUNCTIONS = {
    **dict.fromkeys(_UNARY, 1), "log10": 1, "power": 2, "arctan2": 2, "minimum": 2, "maximum": 2,
    "where": 3,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide",
}  # fmt: skip
_COMPARISONS: dict[type[ast.cmpop], tuple[str, bool]] = {
    ast.Lt: ("less", False), ast.LtE: ("less_equal", False),
    ast.Gt: ("less", True), ast.GtE: ("less_equal", True),
}  # fmt: skip


@functools.lru_cache(maxsize=256)
def parse_expression(text: str) -> Program:
    """Return the steps of a formula such as ``"a*exp(-x/b) + c"``.

    Parameters
    ----------
    text : str
        Arithmetic of the coordinates `x` and `y`, numbers, `pi`, parameters, comparisons inside
        of `where`, and the functions of `FUNCTIONS`.

    Returns
    -------
    Program
        Its parameters are in the order in which the text names them.

    Raises
    ------
    DataError
        The text is no such formula; the message shows the place.
    """
    if not isinstance(text, str) or not text.strip():
        message = f"an expression is text such as 'a*exp(-x/b) + c', got {text!r}"
        raise DataError(message)
    if len(text) > LONGEST:
        message = f"an expression has at most {LONGEST} characters, got {len(text)}"
        raise DataError(message)
    line = " ".join(text.split())
    try:
        tree = ast.parse(line, mode="eval")
    except SyntaxError as error:
        what = f"cannot read the expression: {error.msg}"
        raise _error(line, (error.offset or 1) - 1, what) from error
    except (RecursionError, MemoryError, ValueError) as error:
        message = "cannot read the expression: it is nested too deeply, or has odd characters"
        raise DataError(message) from error
    reader = _Reader(line)
    last = reader.read(tree.body, 0)
    if not reader.names:
        message = f"the expression {line!r} has no parameters; name them by letters or words"
        raise DataError(message)
    return Program(_needed(reader.steps, last), tuple(reader.names))


def _needed(steps: Sequence[Step], last: int) -> tuple[Step, ...]:
    """Return the steps that lead to one of them, which comes last."""
    needed = {last}
    for number in range(last, -1, -1):
        if number in needed:
            needed.update(steps[number].inputs)
    places = {number: place for place, number in enumerate(sorted(needed))}
    return tuple(
        steps[n]._replace(inputs=tuple(places[each] for each in steps[n].inputs)) for n in places
    )


class _Reader:
    """Turns a tree into steps; what was there before is used again."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.steps: list[Step] = []
        self.names: list[str] = []
        self.known: dict[Step, int] = {}

    def read(self, node: ast.expr, depth: int) -> int:
        """Return the number of the step whose result is the node's."""
        if depth > DEEPEST:
            raise self.error(node, f"the expression is nested more than {DEEPEST} deep")
        match node:
            case ast.Constant():
                return self.number(node)
            case ast.Name():
                return self.name(node)
            case ast.UnaryOp(op=ast.USub()):
                return self.add("negate", self.read(node.operand, depth + 1))
            case ast.UnaryOp(op=ast.UAdd()):
                return self.read(node.operand, depth + 1)
            case ast.BinOp(op=ast.Pow()):
                return self.power(self.read(node.left, depth + 1), self.read(node.right, depth + 1))
            case ast.BinOp() if type(node.op) in _ARITHMETIC:
                left, right = self.read(node.left, depth + 1), self.read(node.right, depth + 1)
                return self.add(_ARITHMETIC[type(node.op)], left, right)
            case ast.BinOp(op=ast.BitXor()):
                raise self.error(node.right, "powers are written with **, as in x**2", before=1)
            case ast.Compare(ops=[sign], comparators=[other]) if type(sign) in _COMPARISONS:
                name, swapped = _COMPARISONS[type(sign)]
                pair = [self.read(node.left, depth + 1), self.read(other, depth + 1)]
                return self.add(name, *(reversed(pair) if swapped else pair))
            case ast.Call():
                return self.call(node, depth)
        raise self.error(
            node, "only numbers, names, + - * / **, < <= > >= and functions can be used"
        )

    def number(self, node: ast.Constant) -> int:
        """Return the step of a number."""
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise self.error(node, f"{node.value!r} is not a real number")
        try:
            value = float(node.value)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise self.error(node, "the number is too large")
        return self.add("number", value=value)

    def name(self, node: ast.Name) -> int:
        """Return the step of a coordinate, a constant or a parameter."""
        if node.id in CONSTANTS:
            return self.add("number", value=CONSTANTS[node.id])
        if node.id in AXES:
            return self.add(node.id)
        if node.id in FUNCTIONS:
            raise self.error(node, f"{node.id} is a function; it needs its argument in brackets")
        if node.id not in self.names:
            if len(self.names) == MOST_PARAMETERS:
                raise self.error(node, f"there are more than {MOST_PARAMETERS} parameters")
            self.names.append(node.id)
        return self.add("parameter", value=float(self.names.index(node.id)))

    def call(self, node: ast.Call, depth: int) -> int:
        """Return the step of a function."""
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS:
            said = f"{name!r} is not a function" if name else "this is not a function"
            raise self.error(
                node.func, f"{said} of expressions; they are {', '.join(sorted(FUNCTIONS))}"
            )
        if node.keywords or len(node.args) != FUNCTIONS[name]:
            count = FUNCTIONS[name]
            said = f"{count} argument{'s' * (count > 1)}"
            raise self.error(node.func, f"{name} takes {said}, by place")
        inputs = [self.read(each, depth + 1) for each in node.args]
        match name:
            case "power":
                return self.power(*inputs)
            case "log10":
                return self.add(
                    "divide", self.add("log", *inputs), self.add("number", value=math.log(10.0))
                )
            case "minimum":
                return self.add("where", self.add("less", *inputs), *inputs)
            case "maximum":
                return self.add("where", self.add("less", *inputs), *reversed(inputs))
        return self.add(name, *inputs)

    def power(self, base: int, exponent: int) -> int:
        """Return the step of a power; those of whole and half numbers are products and roots."""
        step = self.steps[exponent]
        twice = 2.0 * step.value
        if step.operation != "number" or abs(twice) > 16 or twice != round(twice):
            return self.add("power", base, exponent)
        one = self.add("number", value=1.0)
        halves = abs(round(twice))
        factors, square, left = [self.add("sqrt", base)] if halves % 2 else [], base, halves // 2
        while left:
            if left % 2:
                factors.append(square)
            left //= 2
            if left:
                square = self.add("square", square)
        if not factors:
            return one
        made = functools.reduce(lambda first, other: self.add("multiply", first, other), factors)
        return made if twice > 0 else self.add("divide", one, made)

    def add(self, operation: str, *inputs: int, value: float = 0.0) -> int:
        """Return the number of a step, which is made if there is none like it."""
        taken = [self.steps[n] for n in inputs]
        if inputs and all(step.operation == "number" for step in taken):
            with np.errstate(all="ignore"):
                value = float(RULES[operation].value(*(np.float64(step.value) for step in taken)))
            if not math.isfinite(value):
                raise self.error(None, f"{operation} of numbers gives {value}")
            return self.add("number", value=value)
        step = Step(operation, inputs, value)
        # Each number has a step of its own, as it may have units of its own.
        if step not in self.known or operation == "number":
            if len(self.steps) == MOST_STEPS:
                raise self.error(None, f"the expression has more than {MOST_STEPS} steps")
            self.steps.append(step)
            self.known[step] = len(self.steps) - 1
        return self.known[step]

    def error(self, node: ast.expr | None, what: str, before: int = 0) -> DataError:
        """Return an error that points at a node, or at the whole."""
        # Python counts bytes, not characters.
        offset = node.col_offset if node else 0
        place = len(self.line.encode()[:offset].decode(errors="ignore"))
        return _error(self.line, place - before, what)


def _error(line: str, place: int, what: str) -> DataError:
    place = min(max(place, 0), len(line))
    begin = max(0, place - 60)
    shown = line[begin : place + 20]
    message = f"{what}, at character {place + 1} of\n    {shown}\n    {' ' * (place - begin)}^"
    return DataError(message)


def used_axes(program: Program) -> Sequence[str]:
    """Return which of `x` and `y` an expression uses."""
    operations = {step.operation for step in program.steps}
    return [axis for axis in AXES if axis in operations]
