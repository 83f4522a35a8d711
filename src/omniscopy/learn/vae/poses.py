"""Where and how an object lies in an image: turned, shifted, scaled."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

# Prior standard deviations where only `True` is given: of shifts, in half widths of the image,
# and of the logarithm of scales.
SHIFT, SCALE = 0.1, 0.1


@dataclass(frozen=True)
class Poses:
    """What may differ between images of one object, and by how much before anything was seen.

    Attributes
    ----------
    axes : int
        1 for curves, 2 for images.
    rotation, shift, scale : float or None
        Standard deviations: radians (infinite where every angle is as likely), half widths of the
        image, and of the logarithm; None for what does not differ.
    anchors : int
        Angles that are tried out, evenly over the circle.
    """

    axes: int
    rotation: float | None
    shift: float | None
    scale: float | None
    anchors: int

    @property
    def count(self) -> int:
        """Return how many numbers a pose has."""
        return sum(
            number for wanted, number in (
                (self.rotation, 1), (self.shift, self.axes), (self.scale, 1)
            ) if wanted is not None
        )  # fmt: skip

    @property
    def step(self) -> float:
        """Return the angle between anchors, in radians."""
        return 2 * math.pi / self.anchors

    def angles(self) -> torch.Tensor:
        """Return the anchors, from -180 to below 180 degrees."""
        if self.rotation is None:
            return torch.zeros(1)
        return (torch.arange(self.anchors) * self.step + math.pi) % (2 * math.pi) - math.pi

    def split(self, numbers: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the parts of a pose by their names: ``turn``, ``shift`` and ``scale``."""
        parts, begin = {}, 0
        for name, wanted, size in (
            ("turn", self.rotation, 1), ("shift", self.shift, self.axes), ("scale", self.scale, 1)
        ):  # fmt: skip
            if wanted is not None:
                parts[name] = numbers[..., begin : begin + size]
                begin += size
        return parts

    def placed(self, numbers: torch.Tensor, anchor: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the pose in the image that numbers of unit variance stand for.

        Parameters
        ----------
        numbers : Tensor, shape (..., count)
        anchor : Tensor, shape (...)
            Angle that the object was tried at; shifts turn with it.
        """
        parts = self.split(numbers)
        made = {"angle": anchor}
        if "turn" in parts:
            made["angle"] = anchor + 0.5 * self.step * parts["turn"][..., 0]
        if "shift" in parts:
            assert self.shift is not None
            shift = self.shift * parts["shift"]
            made["shift"] = turned(shift, anchor) if self.axes == 2 else shift
        if "scale" in parts:
            assert self.scale is not None
            made["scale"] = torch.exp(self.scale * parts["scale"][..., 0])
        return made

    def to_object(self, points: torch.Tensor, pose: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return where points of images, shape (examples, points, axes), are on the object."""
        if "shift" in pose:
            points = points - pose["shift"][:, None]
        if self.axes == 2 and self.rotation is not None:
            points = turned(points, -pose["angle"][:, None])
        if "scale" in pose:
            points = points / pose["scale"][:, None, None]
        return points

    def anchor_priors(self) -> torch.Tensor:
        """Return the logarithms of how likely anchors are, up to a constant."""
        if self.rotation is None or not math.isfinite(self.rotation):
            return torch.zeros(len(self.angles()))
        return -0.5 * (self.angles() / self.rotation) ** 2

    def as_json(self) -> dict[str, Any]:
        """Return plain numbers that make the same."""
        unbounded = self.rotation is not None and not math.isfinite(self.rotation)
        return {
            "axes": self.axes, "rotation": "any" if unbounded else self.rotation,
            "shift": self.shift, "scale": self.scale, "anchors": self.anchors,
        }  # fmt: skip

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Poses":
        """Return what `as_json` told."""
        rotation = math.inf if told["rotation"] == "any" else told["rotation"]
        return cls(**{**told, "rotation": rotation})


def turned(points: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """Return vectors (y, x) turned from +x towards +y."""
    sine, cosine = torch.sin(angle), torch.cos(angle)
    y, x = points[..., 0], points[..., 1]
    return torch.stack([y * cosine + x * sine, x * cosine - y * sine], dim=-1)


def turned_filters(filters: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Return filters as they are turned to every anchor.

    Parameters
    ----------
    filters : Tensor, shape (features, rows, columns)
    places : Tensor, shape (anchors, rows, columns, 2)
        Where the values come from, x and y from -1 to 1 as `grid_sample` takes them.

    Returns
    -------
    Tensor, shape (anchors, features, rows, columns)
    """
    whole = filters[None].expand(len(places), -1, -1, -1)
    return functional.grid_sample(whole, places, align_corners=True)
