"""What is seen, as results of registered operations: with their history, script and recipe."""

from collections.abc import Mapping
from typing import Any

from omniscopy.model.errors import DataError
from omniscopy.view.items import Item
from omniscopy.view.regions import detector_of, setting_of

Header = Mapping[str, Any]


def labelled_at(item: Item, at: Any) -> Any:
    """Return the labelled data of an item, at the positions of its sliders."""
    data, at = item.labelled(), at if isinstance(at, dict) else {}
    extra = item.plan()["extra"]
    averaged = [dim for dim in extra if dim in at and at[dim] is None]
    fixed = {dim: at.get(dim, item.axis(dim).values.size // 2)
             for dim in extra if dim not in averaged}  # fmt: skip
    data = data.isel(fixed) if fixed else data
    if averaged:
        from omniscopy import signal

        data = signal.mean_over(data, averaged)
    return data


def result_of(item: Item, said: Header) -> Any:
    """Return what a request shows, as the result of operations."""
    kind = said.get("kind", "reduce")
    makers = {"window_map": window_map_of, "centre": centre_of, "profile": profile_of,
              "spectrum_of": power_spectrum_of}  # fmt: skip
    if kind in makers:
        return makers[kind](item, said)
    if kind != "reduce":
        message = f"{kind!r} has no operation of its own"
        raise DataError(message)
    return reduced(item, said)


def reduced(item: Item, said: Header) -> Any:
    """Return values of one pane, reduced over a region of the other, or over all of it."""
    plan, target, region = item.plan(), said.get("target", "signal"), said.get("region")
    over = plan["navigation" if target == "signal" else "signal"]
    statistic = said.get("statistic", "mean")
    data = labelled_at(item, said.get("at"))
    if not over:
        return data
    if region is None or region.get("kind") == "all":
        return _over(statistic)(data, list(over))
    if target == "signal":
        return _of_region(item, data, said, over, statistic)
    if len(over) == 2:
        return _of_detector(item, data, region, over, statistic)
    return _of_window(item, data, region, over[0], statistic)


def _of_region(item: Item, data: Any, said: Header, over: list[str], statistic: str) -> Any:
    from omniscopy import signal

    region = said["region"]
    if region.get("kind") == "point" and len(over) == len(data.dims) - len(item.plan()["signal"]):
        places = _point(item, over, region)
        return data.isel(dict(zip(over, places, strict=True)))
    name = str(said.get("name") or "region")
    labels = signal.label_regions(data, {name: setting_of(item, over, region)}, dims=list(over))
    return _in_region(data, labels, statistic)


def _over(statistic: str) -> Any:
    """Return the operation of a statistic over dimensions."""
    from omniscopy import signal

    known = {"mean": signal.mean_over, "sum": signal.sum_over, "max": signal.max_over}
    if statistic not in known:
        message = f"the statistic is one of {', '.join(known)}, got {statistic!r}"
        raise DataError(message)
    return known[statistic]


def _in_region(data: Any, labels: Any, statistic: str) -> Any:
    from omniscopy import signal

    if statistic == "max":
        return signal.max_over(data, regions=labels)
    return signal.measure_regions(data, labels)[statistic].isel(region=0)


def _of_detector(item: Item, data: Any, region: Header, over: list[str], statistic: str) -> Any:
    from omniscopy import diffraction, signal

    if statistic == "sum":
        if region.get("kind") == "point":
            places = _point(item, over, region)
            return data.isel(dict(zip(over, places, strict=True)))
        return diffraction.virtual_image(data, detector_of(region), dims=(over[0], over[1]))
    labels = signal.label_regions(data, {"detector": setting_of(item, over, region)}, dims=over)
    return _in_region(data, labels, statistic)


def _of_window(item: Item, data: Any, region: Header, dim: str, statistic: str) -> Any:
    from omniscopy import signal

    window = setting_of(item, [dim], region)
    part = signal.crop(data, window)
    return _over(statistic)(part, dim)


def window_map_of(item: Item, said: Header) -> Any:
    """Return the map of a window above a background fitted in another."""
    from omniscopy import eels, signal

    dim = item.plan()["signal"][-1]
    data = labelled_at(item, said.get("at"))
    window, background = _window(said.get("window")), said.get("background") or {}
    fitted = _window(background.get("window"))
    if background.get("model") == "polynomial":
        model: Any = signal.Polynomial(int(background.get("degree", 1)))
        fit = signal.fit_model(data, model, dim=dim, window=fitted)
        left = signal.crop(signal.subtract_model(data, model, fit), {dim: window})
        return signal.sum_over(left, dim)
    if item.axis(dim).units == "eV" and item.axis(dim).kind == "spectral":
        found = eels.measure_windows(data, {"window": window}, background=fitted, dim=dim)
        return found["intensity"].isel(window=0)
    model = signal.PowerLaw()
    fit = signal.fit_model(data, model, dim=dim, window=fitted)
    left = signal.crop(signal.subtract_model(data, model, fit), {dim: window})
    return signal.sum_over(left, dim)


def centre_of(item: Item, said: Header) -> Any:
    """Return the centre of mass of every pattern."""
    from omniscopy import diffraction

    over, region = item.plan()["signal"], said.get("region")
    mask = None if region is None or region.get("kind") == "all" else detector_of(region)
    data = labelled_at(item, said.get("at"))
    return diffraction.measure_com(data, mask=mask, dims=(over[0], over[1]))


def image_of(item: Item, said: Header) -> Any:
    """Return the image that a tool is used on: the navigator, or a pattern, as it is shown."""
    shown = said.get("image")
    return reduced(item, shown) if isinstance(shown, dict) else labelled_at(item, said.get("at"))


def profile_of(item: Item, said: Header) -> Any:
    """Return the profile along a line of the image that is shown."""
    from omniscopy import image

    start, stop = said.get("from"), said.get("to")
    width = said.get("width", 0.0)
    pairs = all(isinstance(each, list) and len(each) == 2 for each in (start, stop))
    numbers = [*(start or []), *(stop or []), width] if pairs else [None]
    if any(type(each) not in (int, float) for each in numbers):
        message = "a profile goes from (y, x) to (y, x), and has a width"
        raise DataError(message)
    shown = image_of(item, said)
    dims = (str(shown.dims[-2]), str(shown.dims[-1])) if shown.ndim > 1 else None
    ends = (tuple(start or ()), tuple(stop or ()))
    return image.profile(shown, ends[0], ends[1], width, dims=dims)


def power_spectrum_of(item: Item, said: Header) -> Any:
    """Return the power spectrum of the image that is shown."""
    from omniscopy import image

    return image.power_spectrum(image_of(item, said))


def script_of(results: list[Any]) -> str:
    """Return the Python that makes results again, from the file on."""
    from omniscopy.model.provenance import remember, with_changes
    from omniscopy.model.scripts import script

    return script([remember(each, with_changes(each)[0]) for each in results])


def recorded(result: Any) -> Any:
    """Return a result whose history holds what was selected since its last operation, too."""
    from omniscopy.model.provenance import remember, with_changes

    return remember(result, with_changes(result)[0])


def _point(item: Item, over: list[str], region: Header) -> tuple[int, ...]:
    from omniscopy.view.regions import middle_of, nearest, places_of

    return nearest(places_of(item, over), middle_of(region))


def _window(value: Any) -> tuple[float, float]:
    plain = isinstance(value, list) and len(value) == 2
    if not plain or any(type(each) not in (int, float) for each in value):
        message = f"a window is [low, high], got {value!r}"
        raise DataError(message)
    return float(min(value)), float(max(value))
