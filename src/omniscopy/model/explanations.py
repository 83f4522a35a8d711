"""What a step of a history does, in a sentence."""

from pathlib import Path

from omniscopy.model.errors import DataError
from omniscopy.model.operations import find_operation
from omniscopy.model.provenance import CHANGE, DATA, SELECT, Step

OPENED = "io.open_signal"


def explain(step: Step) -> str:
    """Return what a step does: of an operation the first sentence of its documentation."""
    if step.operation == OPENED:
        file = step.inputs.get("path", {}).get("file", "")
        return f"Open {Path(file).name}."
    fixed = {
        DATA: "Take an array that was in memory.",
        SELECT: "Take a part of it.",
        CHANGE: "Change the values by code that was not recorded.",
    }
    if step.operation in fixed:
        return fixed[step.operation]
    try:
        return find_operation(step.operation).summary
    except DataError:
        return "Apply an operation that is not installed here."
