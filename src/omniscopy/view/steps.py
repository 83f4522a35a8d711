"""Requests of the explorer: keeping what is seen, its history, script, recipe and batches."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omniscopy.model.errors import DataError, describe_error
from omniscopy.view.bench import Bench
from omniscopy.view.computing import computed, computing
from omniscopy.view.dispatch import SupersededError, Turn
from omniscopy.view.files import describe
from omniscopy.view.protocol import Buffer, Header, Reply
from omniscopy.view.scripting import recorded, result_of, script_of

MOST_RESULTS = 40


def keep_result(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Make what is seen an item of its own, which can be looked at, used and saved."""
    del buffers
    item, shown = bench.item(said.get("data")), _asked(said.get("shown"))
    step = str(said.get("title") or "part")[:120]
    result = yield from computing(said, step, recorded(result_of(item, shown)), turn)
    turn.check()
    made = bench.add(result, parent=item.id, step=step, path=item.path)
    for each in made:
        each.title = step if len(made) == 1 else each.title
    yield {"kind": "made", "items": [describe(bench, each) for each in made], "keep": True}, []


def write_python(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Send the Python that makes again what is seen."""
    del buffers, turn
    yield {"kind": "python", "text": script_of(results_of(bench, said))}, []


def write_recipe(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Send the recipe of what is seen, for other files."""
    del buffers, turn
    from omniscopy.io import recipe_of
    from omniscopy.io.recipes.texts import format_recipe

    result = recorded(results_of(bench, said)[-1])
    yield {"kind": "recipe", "text": format_recipe(recipe_of(result))}, []


def list_history(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Send the steps that made an item."""
    del buffers, turn
    from omniscopy.model.provenance import history

    item = bench.item(said.get("data"))
    steps = [
        {"operation": step.operation, "id": step.id[:8], "time": step.time,
         "parameters": {key: _brief(value) for key, value in step.parameters.items()
                        if value is not None}}
        for step in history(recorded(item.labelled()))
    ]  # fmt: skip
    yield {"kind": "history", "data": item.id, "steps": steps}, []


def apply_to_folder(
    bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn
) -> Iterator[Reply]:
    """Apply the recipe of what is seen to every readable file of a folder."""
    del buffers
    from omniscopy.io import FormatError, apply_recipe, identify, recipe_of, save

    root = bench.folder_to_write()
    recipe = recipe_of(recorded(results_of(bench, said)[-1]))
    folder = root.subfolder(str(said.get("folder", ".")))
    target = root.subfolder(root.shown(folder)) / "omniscopy-results"
    files = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry == target or root.leads_out(entry):
            continue
        try:
            identify(entry)
        except (FormatError, OSError):
            continue
        files.append(entry)
    outcomes: list[dict[str, Any]] = []
    target.mkdir(exist_ok=True)
    for number, file in enumerate(files):
        turn.check()
        words = f"{number + 1} of {len(files)}: {file.name}"
        yield {"kind": "progress", "of": said.get("seq"), "done": number / len(files),
               "words": words}, []  # fmt: skip
        place = target / f"{file.stem}.nxs"
        try:
            save(computed(apply_recipe(recipe, file), turn), place, overwrite=True)
        except SupersededError:
            raise
        except Exception as error:  # noqa: BLE001 - one file that fails must not stop the others
            outcomes.append({"file": file.name, "error": root.hide(describe_error(error))})
        else:
            outcomes.append({"file": file.name, "result": root.shown(place)})
    yield {"kind": "batch", "folder": root.shown(target), "outcomes": outcomes}, []


def forget(bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn) -> Iterator[Reply]:
    """Let go of an item."""
    del buffers, turn
    item = bench.items.pop(str(said.get("data")), None)
    if item is not None:
        item.blocks.forget()
    yield {"kind": "forgotten", "data": said.get("data")}, []


def results_of(bench: Bench, said: Header) -> list[Any]:
    """Return what a message lists, each an item and perhaps what is shown of it."""
    asked = said.get("results")
    if not isinstance(asked, list) or not 0 < len(asked) <= MOST_RESULTS:
        message = f"'results' lists 1 to {MOST_RESULTS} things that are seen"
        raise DataError(message)
    found = []
    for each in asked:
        if not isinstance(each, dict):
            message = "each of 'results' names the data it is of"
            raise DataError(message)
        item, shown = bench.item(each.get("data")), each.get("shown")
        if shown is None and item.group is not None:
            found.append(bench.results[item.group])
        else:
            found.append(item.labelled() if shown is None else result_of(item, _asked(shown)))
    return found


def _asked(shown: Any) -> Mapping[str, Any]:
    if not isinstance(shown, dict):
        message = "what is shown is given as it was asked for"
        raise DataError(message)
    return shown


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def save_item(bench: Bench, said: Header, buffers: Sequence[Buffer], turn: Turn) -> Iterator[Reply]:
    """Save data with units, metadata and history into a new file below the folder."""
    del buffers, turn
    from omniscopy.io import save

    place: Path = bench.folder_to_write().new(str(said.get("path", "")))
    save(recorded(results_of(bench, said)[-1]), place)
    yield {"kind": "saved", "path": bench.shown(place)}, []


HANDLERS: Mapping[str, Any] = {
    "keep": keep_result,
    "python": write_python,
    "recipe": write_recipe,
    "history": list_history,
    "batch": apply_to_folder,
    "forget": forget,
    "save": save_item,
}
