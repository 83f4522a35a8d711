"""What images and maps of JEOL's programs have in common: axes and kinds of microscopes."""

from omniscopy.io.records import Axis


def scan_axes(shape: tuple[int, int], step: float | None) -> list[Axis]:
    """Return the axes of a scan with pixels of `step` µm, where that is known."""
    if step is None:
        return [Axis(name=name, size=size) for name, size in zip("yx", shape, strict=True)]
    return [
        Axis(name=name, size=size, scale=step, units="µm")
        for name, size in zip("yx", shape, strict=True)
    ]


def microscopy(model: str) -> str | None:
    """Return "STEM" or "SEM" by the name of the microscope."""
    return {"JEM": "STEM", "JSM": "SEM"}.get(model[:3])
