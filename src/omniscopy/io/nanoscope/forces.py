"""Force curves and force volumes: both halves of every ramp, and the pause between them."""

import re
from dataclasses import dataclass
from typing import Any

from omniscopy.io.arrays import Flipped
from omniscopy.io.errors import FormatError
from omniscopy.io.nanoscope.blocks import Block, map_counts
from omniscopy.io.nanoscope.geometry import plane_axes
from omniscopy.io.nanoscope.header import Header, Section, first_number, parse_quantity, spelled
from omniscopy.io.nanoscope.metadata import modality, quantity_of
from omniscopy.io.nanoscope.scaling import find_scale
from omniscopy.io.pieces import Window
from omniscopy.io.records import Axis, Channel, LazyArray
from omniscopy.model.units import conversion_factor, is_unit

_OFF = ("", "never", "none", "off", "disabled", "no")


@dataclass(frozen=True)
class _Layout:
    """Where the segments of a curve lie among its counts."""

    segments: dict[str, tuple[int, int]]
    points: int
    ramp: int

    def longer(self, hold: int) -> "_Layout":
        """Return the layout with a pause of so many points after both halves."""
        segments = {**self.segments, "pause": (self.points, self.points + hold)}
        return _Layout(segments, self.points + hold, self.ramp) if hold else self


def force_channels(header: Header, block: Block, title: str, *, partial: bool) -> list[Channel]:
    """Return the segments of a channel, as far as they were kept: extend, retract and pause."""
    layout = _layout(header, block)
    shape = _grid(header, block, layout.points)
    scale = find_scale(header, block.section, block.itemsize, force=True)
    data, missing = map_counts(header, block, (*shape, layout.points), scale, partial=partial)
    channels = []
    for direction, (start, stop) in layout.segments.items():
        window: LazyArray = Window(data, start, stop)
        attrs: dict[str, Any] = {} if missing is None else {"incomplete": missing}
        if scale is not None and scale.missing is not None:
            attrs["missing_sensitivity"] = scale.missing
        if direction == "pause":
            along = _pause_axis(header, stop - start)
        else:
            along = _ramp_axis(header, block.section, stop - start, layout.ramp)
        channels.append(
            Channel(
                title=f"{title} {direction}",
                data=Flipped(window, (0,)) if len(shape) == 2 else window,
                axes=(*_place_axes(header, shape), along),
                quantity=quantity_of(title),
                units=None if scale is None else scale.units,
                signal_type="spectral_image" if len(shape) == 2 and direction != "pause" else None,
                modality=modality(header),
                source="Bruker Nanoscope",
                metadata={"scan": {"direction": direction}},
                original_metadata=block.section.values,
                attrs=attrs,
            )
        )
    return channels


def _layout(header: Header, block: Block) -> _Layout:
    """Return how a curve is stored: the extending half, the retracting one, then the pause.

    Of two numbers of points the first is that of the retracting half where the extending one is
    shorter, and both take as many places as it has: so the vendor's own toolbox reads them.
    """
    text = block.section.text("Samps/line") or ""
    numbers = tuple(int(word) for word in re.findall(r"\d{1,9}", text)[:2])
    if not numbers or 0 in numbers:
        message = f"a force curve has points, but the header says {text!r}"
        raise FormatError(message, path=header.path, key=f"{block.section.name}/Samps/line")
    first, second = numbers[0], numbers[-1]
    whole = _Layout({"extend": (0, first), "retract": (first, 2 * first)}, 2 * first, first)
    if len(numbers) == 1:
        layouts = [whole, _Layout({"extend": (0, first)}, first, first)]
    else:
        both = {"extend": (0, first), "retract": (first, first + second)}
        layouts = [_Layout(both, first + second, 0)]
        if _is_sinusoidal(header):
            # The number of the extending half may be wrong there.
            layouts.append(whole)
        elif second < first:
            early = {**whole.segments, "extend": (0, second)}
            layouts.append(_Layout(early, 2 * first, first))
    hold = header.first("Ciao force list").count("Hold Samples") or 0
    layouts = [*(each.longer(hold) for each in layouts if hold), *layouts]
    fitting = [layout for layout in layouts if block.count % layout.points == 0]
    if fitting:
        alone = [layout for layout in fitting if block.count == layout.points]
        return (alone or fitting)[0]
    message = f"{block.count} counts are no whole number of force curves of {text} points"
    raise FormatError(message, path=header.path, offset=block.offset)


def _grid(header: Header, block: Block, points: int) -> tuple[int, ...]:
    """Return the lines and curves per line of a volume, nothing for a single curve."""
    curves = block.count // points
    if curves == 1:
        return ()
    images = [part for part in header.all("image list") if "force" not in part.name.lower()]
    known = [(part.count("Number of lines"), part.count("Samps/line")) for part in images]
    scan, force = header.first("Ciao scan list"), header.first("Ciao force list")
    known += [(scan.count("Lines"), scan.count("Samps/line"))]
    known += [(force.count("Number of lines"), force.count("force/line"))]
    for lines, samples in known:
        if lines and samples and lines * samples == curves:
            return lines, samples
    return (curves,)


def _place_axes(header: Header, shape: tuple[int, ...]) -> tuple[Axis, ...]:
    if len(shape) == 2:
        images = [part for part in header.all("image list") if "force" not in part.name.lower()]
        return plane_axes(header, images[0] if images else Section(""), *shape)
    return tuple(Axis(name="point", size=size) for size in shape)


def _is_sinusoidal(header: Header) -> bool:
    captured = header.first("Ciao scan list").text("PeakForce Capture") or ""
    return captured.lower() not in _OFF


def _ramp_axis(header: Header, section: Section, points: int, ramp: int) -> Axis:
    """Return the distance from the turning point, or samples where the ramp is no straight one.

    The whole ramp takes `ramp` points, as many as there are where it is 0.
    """
    size = None if _is_sinusoidal(header) else _ramp_size(header, section)
    if size is None:
        return Axis(name="sample", size=points)
    length, units = size
    return Axis(name="z", size=points, scale=length / (ramp or points), units=units, role="signal")


def _pause_axis(header: Header, points: int) -> Axis:
    seconds = header.first("Ciao force list").number("Hold Time")
    if not seconds or seconds < 0:
        return Axis(name="sample", size=points)
    return Axis(name="time", size=points, scale=seconds / points, units="s")


def _ramp_size(header: Header, section: Section) -> tuple[float, str] | None:
    for part in (section, header.first("Ciao force list")):
        for key in part.keys_like(r"(@\d+:)?Ramp size.*"):
            found = _length(header, part.text(key) or "")
            if found is not None:
                return found
    return None


def _length(header: Header, text: str) -> tuple[float, str] | None:
    """Return a length, given as such or as the voltage of the piezo."""
    ramp = parse_quantity(text)
    if ramp is None or ramp.sensitivity is None:
        words = text.split() if ramp is None else [str(ramp.value), ramp.units]
        value, units = first_number(words[0]) if words else None, spelled(" ".join(words[1:]))
    else:
        sensitivity = header.sensitivity(ramp.sensitivity)
        value, units = (
            (None, "") if sensitivity is None else _stretched(ramp.value, ramp.units, *sensitivity)
        )
    if not value or value < 0 or not is_unit(units):
        return None
    return value, units


def _stretched(value: float, units: str, factor: float, per: str) -> tuple[float | None, str]:
    above, _, below = per.rpartition("/")
    try:
        return value * factor * conversion_factor(spelled(units), spelled(below)), spelled(above)
    except ValueError:
        return None, ""
