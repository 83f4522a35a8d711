"""The glossary: the vocabulary of the contract, codes of outcomes, and terms."""

from pathlib import Path

from omniscopy.model import Status
from omniscopy.model.vocabulary import DEFAULT_ROLE, DIMENSIONS, METADATA, SIGNAL_TYPES

TERMS = Path(__file__).with_name("terms.md")
MEANINGS = {
    Status.CONVERGED: "the answer is found",
    Status.MAX_STEPS: "the steps ended first; the numbers are the last ones",
    Status.SINGULAR: "data do not say what the parameters are",
    Status.AT_BOUND: "a parameter lies at a bound that was set for it",
    Status.NO_DATA: "too little was measured here; the numbers are NaN",
    Status.INVALID: "values cannot be worked with; the numbers are NaN",
}


def table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def page() -> str:
    """Return the glossary."""
    dimensions = [
        (f"`{name}`", known.quantity, known.units or "any", known.kind, DEFAULT_ROLE[known.kind])
        for name, known in DIMENSIONS.items()
    ]
    outcomes = [(str(int(code)), f"`{code.name.lower()}`", MEANINGS[code]) for code in Status]
    metadata = [(f"`{path}`", units or "text") for path, units in METADATA.items()]
    return "\n".join(
        [
            "# Glossary\n",
            "## Dimensions\n",
            "The quantity, the units where they are settled, the kind, and the role that the kind",
            "has unless the coordinate says otherwise.\n",
            table(("dimension", "quantity", "units", "kind", "role"), dimensions),
            "## Signal types\n",
            ", ".join(f"`{name}`" for name in SIGNAL_TYPES) + ".\n",
            "## Outcomes\n",
            "The codes of `status`, a number for each pixel.\n",
            table(("code", "name", "meaning"), outcomes),
            "## Metadata\n",
            'Paths in `attrs["metadata"]`, with the units of their values.\n',
            table(("path", "units"), metadata),
            TERMS.read_text(encoding="utf-8"),
        ]
    )
