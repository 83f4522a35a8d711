"""`omniscopy run`: one recipe on many files."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from omniscopy.cli.outcomes import describe, exit_code
from omniscopy.cli.printing import clean, complain, say, say_json
from omniscopy.cli.targets import targets_for
from omniscopy.compute.progress import showing_progress

if TYPE_CHECKING:
    from omniscopy.io.recipes.running import Recipe


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run_recipe)


@dataclass
class Summary:
    """What became of each file."""

    recipe: str
    done: list[dict[str, str]] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)


def run_recipe(
    recipe: Annotated[
        Path,
        typer.Argument(
            help="A recipe (.toml), a saved result to repeat the steps of, or, without files, what "
            "to train a network by: the name of a recipe of `learn.list_recipes`, or such a file."
        ),
    ],
    paths: Annotated[list[Path] | None, typer.Argument(help="Files, or folders of files.")] = None,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path(
        "omniscopy-results"
    ),
    form: Annotated[str, typer.Option("--format", help="Format of the results.")] = "nsid",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Make results again that are there.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of a training.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> int:
    """Apply a recipe to files; what was made before from the same data is not made again.

    A result that was interrupted is gone on with.
    """
    if not paths:
        return _train(recipe, output, seed=seed, overwrite=overwrite, json=json)
    from omniscopy.io.manifests import find_format
    from omniscopy.io.recipes.running import load_recipe

    steps = load_recipe(recipe)
    files, skipped = find_files(paths)
    if not files:
        message = f"there is no file that can be read in {', '.join(map(str, paths))}"
        raise typer.BadParameter(message)
    suffix = f"-{recipe.stem}{find_format(form).extensions[0]}"
    summary = Summary(str(recipe), skipped=skipped)
    targets = targets_for(files, output, suffix)
    with showing_progress(f"{len(files)} files") as tell:
        for number, (file, target) in enumerate(zip(files, targets, strict=True)):
            tell(number, len(files), f"{number + 1} of {len(files)}: {file.name}")
            _run_one(steps, file, target, summary, form=form, overwrite=overwrite)
    _report_summary(summary, json=json)
    return exit_code(len(files) - len(summary.failed), len(summary.failed))


def _train(recipe: Path, output: Path, *, seed: int, overwrite: bool, json: bool) -> int:
    """Train a network by a recipe, which needs no files: it learns from what it simulates."""
    if recipe.is_file() and "[training]" not in recipe.read_text("utf-8", errors="replace"):
        message = f"{recipe} says what to do with files; name some"
        raise typer.BadParameter(message)
    from omniscopy.learn import train

    target = output / recipe.stem
    if target.exists() and not overwrite:
        message = f"{target} is there; use --overwrite to replace it"
        raise typer.BadParameter(message)
    model = train(recipe, seed=seed)
    output.mkdir(parents=True, exist_ok=True)
    model.save(target, overwrite=overwrite, half=True)
    if json:
        say_json({"recipe": str(recipe), "result": str(target), "scores": model.about_["scores"]})
    else:
        say(clean(str(target)))
        say(", ".join(f"{name} {value:g}" for name, value in model.about_["scores"].items()))
    return 0


def find_files(paths: Sequence[Path]) -> tuple[list[Path], list[dict[str, str]]]:
    """Return the files that are named, those of folders that can be read, and the others."""
    from omniscopy.io import FormatError, identify

    found: list[Path] = []
    skipped = []
    for path in paths:
        if not path.is_dir() or _is_store(path):
            found.append(path)
            continue
        for entry in sorted(path.iterdir()):
            if entry.name.startswith(".") or (entry.is_dir() and not _is_store(entry)):
                continue
            try:
                identify(entry)
            except FormatError as error:
                skipped.append({"file": str(entry), "reason": describe(error)})
            else:
                found.append(entry)
    return found, skipped


def _is_store(path: Path) -> bool:
    """Return whether a folder is one data set."""
    return path.is_dir() and (path / "zarr.json").is_file()


def _run_one(
    recipe: "Recipe", file: Path, target: Path, summary: Summary, *, form: str, overwrite: bool
) -> None:
    from omniscopy.compute import run
    from omniscopy.io.recipes.running import apply_recipe, is_made

    try:
        if target.exists() and not overwrite:
            if is_made(recipe, file, target):
                summary.skipped.append({"file": str(file), "reason": f"{target} has it already"})
                return
            message = f"{target} is there and is something else; use --overwrite to replace it"
            raise FileExistsError(message)
        result: Any = apply_recipe(recipe, file)
        # The bar counts what dask does.
        run(result, target, format=form, overwrite=overwrite, resume=not overwrite, progress=False)
    except Exception as error:  # noqa: BLE001 - one file that fails must not stop the others
        summary.failed.append({"file": str(file), "error": describe(error)})
        return
    summary.done.append({"file": str(file), "result": str(target)})


def _report_summary(summary: Summary, *, json: bool) -> None:
    if json:
        say_json(asdict(summary))
    else:
        for entry in summary.done:
            say(clean(entry["result"]))
        for entry in summary.skipped:
            say(f"skipped {clean(entry['file'])}: {clean(entry['reason'])}")
        counts = (len(summary.done), len(summary.skipped), len(summary.failed))
        say("{} done, {} skipped, {} failed".format(*counts))
    for entry in summary.failed:
        complain(f"{Path(entry['file']).name}: {entry['error']}")
