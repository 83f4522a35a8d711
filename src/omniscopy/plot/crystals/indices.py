"""How indices of planes are written on figures: bars for what is negative."""

from collections.abc import Sequence

from omniscopy.crystal import miller_bravais


def plane_label(hkl: Sequence[int], *, hexagonal: bool = False) -> str:
    """Return indices as mathematics for matplotlib, with four of them for hexagonal cells."""
    values = [int(index) for index in hkl]
    if hexagonal:
        values = [int(index) for index in miller_bravais(values)] if any(values) else [0, 0, 0, 0]
    apart = r"\," if max(map(abs, values)) > 9 else ""
    return "$" + apart.join(_barred(value) for value in values) + "$"


def _barred(value: int) -> str:
    return str(value) if value >= 0 else rf"\bar{{{-value}}}"
