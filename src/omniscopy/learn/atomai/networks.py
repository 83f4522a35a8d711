"""Published networks for images, made of the names and shapes of their weights."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from omniscopy.model import DataError

# Slopes below 0 of the segmentation networks and of the defect finder.
_LEAKY, _CUT = 0.01, 0.0
# How much smaller the coarsest scale is.
BLOCKS = {"unet": 8, "segresnet": 4, "dilated": 2, "sniffer": 4}
_MARKS = {
    "unet": ("c6", "upsample_block3"),
    "segresnet": ("upsample_block2", "c4", "px"),
    "dilated": ("at1", "at2", "up1"),
    "sniffer": ("encoder", "decoder", "last_layer"),
}


def architecture_of(shapes: Mapping[str, Sequence[int]]) -> str:
    """Return which network has weights of these names; raise where none does."""
    parts = {name.partition(".")[0] for name in shapes}
    for name, marks in _MARKS.items():
        if parts >= set(marks):
            return name
    message = (
        f"weights of parts {sorted(parts)[:8]} belong to none of the networks {sorted(_MARKS)}"
    )
    raise DataError(message)


def layer_of(name: str) -> str:
    """Return the name of the layer of a tensor, as it is kept here."""
    return name.rpartition(".")[0].replace(".", "/")


class PublishedNet(nn.Module):
    """A network whose layers are called as they were published.

    Parameters
    ----------
    architecture : {"unet", "segresnet", "dilated", "sniffer"}
    shapes : mapping
        Shapes of all weights by their published names.
    normalised : bool
        Whether normalisation of residual blocks was in use.
    upsampling : {"bilinear", "nearest"}
    """

    def __init__(
        self, architecture: str, shapes: Mapping[str, Sequence[int]], *, normalised: bool,
        upsampling: str = "bilinear",
    ) -> None:  # fmt: skip
        super().__init__()
        self.architecture, self.normalised, self.upsampling = architecture, normalised, upsampling
        layers: dict[str, nn.Module] = {}
        for name, shape in shapes.items():
            if not name.endswith(".weight"):
                continue
            if len(shape) == 4:
                wide = self._dilation(name, shapes)
                padding = wide * (shape[2] // 2)
                layers[layer_of(name)] = nn.Conv2d(
                    shape[1], shape[0], shape[2], padding=padding, dilation=wide
                )
            else:
                layers[layer_of(name)] = nn.BatchNorm2d(shape[0])
        self.layers = nn.ModuleDict(layers)

    @staticmethod
    def _dilation(name: str, shapes: Mapping[str, Sequence[int]]) -> int:
        """Return 2, 4, 6 … for the convolutions of a dilated block, 1 for others."""
        found = re.fullmatch(r"(.*\.atrous_module)\.(\d+)\.weight", name)
        if found is None:
            return 1
        before = [
            other for other, shape in shapes.items()
            if other.startswith(f"{found[1]}.") and len(shape) == 4
            and int(other.split(".")[-2]) <= int(found[2])
        ]  # fmt: skip
        return 2 * len(before)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores of every pixel, whose sides the coarsest scale divides."""
        made: torch.Tensor = getattr(self, f"_{self.architecture}")(x)
        return made

    def _unet(self, x: torch.Tensor) -> torch.Tensor:
        c1 = self._block(x, "c1")
        c2 = self._block(_halved(c1), "c2")
        c3 = self._block(_halved(c2), "c3")
        x = self._block(_halved(c3), "bn")
        for number, before in enumerate((c3, c2, c1), start=1):
            up = self._enlarged(x, f"upsample_block{number}")
            x = self._block(torch.cat([before, up], dim=1), f"c{number + 3}")
        return self._layer("px")(x)

    def _segresnet(self, x: torch.Tensor) -> torch.Tensor:
        c1 = self._block(x, "c1")
        c2 = self._block(_halved(c1), "c2")
        x = self._block(_halved(c2), "bn")
        x = self._block(torch.cat([c2, self._enlarged(x, "upsample_block1")], dim=1), "c3")
        x = self._block(torch.cat([c1, self._enlarged(x, "upsample_block2")], dim=1), "c4")
        return self._layer("px")(x)

    def _dilated(self, x: torch.Tensor) -> torch.Tensor:
        c1 = self._block(x, "c1")
        x = self._block(self._block(_halved(c1), "at1"), "at2")
        return self._layer("px")(
            self._block(torch.cat([c1, self._enlarged(x, "up1")], dim=1), "c2")
        )

    def _sniffer(self, x: torch.Tensor) -> torch.Tensor:
        def step(x: torch.Tensor, part: str, conv: str, number: int) -> torch.Tensor:
            x = self._layer(f"{part}/{conv}")(x)
            return functional.leaky_relu(self._layer(f"{part}/bn{number}")(x), _CUT)

        x = _halved(step(x, "encoder", "c1", 1))
        x = step(x, "encoder", "c2", 2)
        x = _halved(step(x, "encoder", "c3", 3))
        x = step(x, "decoder", "d1", 1)
        x = step(x, "decoder", "d2", 2)
        x = step(_doubled(x, "bilinear"), "decoder", "d3", 3)
        return self._layer("last_layer")(_doubled(x, "bilinear"))

    def _block(self, x: torch.Tensor, part: str) -> torch.Tensor:
        """Return what a part of any kind makes: layers in a row, residual or dilated ones."""
        names = [name for name in self.layers if name.startswith(f"{part}/")]
        if any("/res_module/" in name for name in names):
            count = 1 + max(int(name.split("/")[2]) for name in names)
            for number in range(count):
                x = self._residual(x, f"{part}/res_module/{number}")
            return x
        dilated = any("/atrous_module/" in name for name in names)
        convs = sorted(
            (name for name in names if isinstance(self.layers[name], nn.Conv2d)), key=_order
        )
        norms = sorted(
            (name for name in names if isinstance(self.layers[name], nn.BatchNorm2d)), key=_order
        )
        total: Any = 0.0
        for number, name in enumerate(convs):
            x = self.layers[name](x)
            # What is left out in training is all there now, and was counted as a step of its own.
            seen = [x] * (1 + self._drops(convs, norms, number))
            x = functional.leaky_relu(x, _LEAKY)
            seen.append(x)
            if norms:
                x = self.layers[norms[number]](x)
                seen.append(x)
            if dilated:
                total = total + sum(seen)
        return total if dilated else x

    def _drops(self, convs: list[str], norms: list[str], number: int) -> int:
        """Return 1 where something is left out between a convolution and what follows, else 0."""
        if len(convs) < 2:
            return 0
        at = [_order(name)[-1] for name in convs]
        step = at[min(number + 1, len(at) - 1)] - at[min(number, len(at) - 2)]
        return int(step > (3 if norms else 2))

    def _residual(self, x: torch.Tensor, part: str) -> torch.Tensor:
        x = self._layer(f"{part}/c0")(x)
        out = self._layer(f"{part}/c1")(x)
        if self.normalised:
            out = self._layer(f"{part}/bn1")(out)
        out = self._layer(f"{part}/c2")(functional.leaky_relu(out, _LEAKY))
        if self.normalised:
            out = self._layer(f"{part}/bn2")(out)
        return functional.leaky_relu(out + x, _LEAKY)

    def _enlarged(self, x: torch.Tensor, part: str) -> torch.Tensor:
        return self._layer(f"{part}/conv")(_doubled(x, self.upsampling))

    def _layer(self, name: str) -> nn.Module:
        return self.layers[name]


def _order(name: str) -> tuple[int, ...]:
    """Return the numbers in the name of a layer."""
    return tuple(int(part) for part in name.split("/") if part.isdigit())


def _halved(x: torch.Tensor) -> torch.Tensor:
    return functional.max_pool2d(x, 2)


def _doubled(x: torch.Tensor, mode: str) -> torch.Tensor:
    corners = {} if mode == "nearest" else {"align_corners": False}
    return functional.interpolate(x, scale_factor=2.0, mode=mode, **corners)
