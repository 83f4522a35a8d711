"""Training by a recipe: a file that says all, and a seed."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from omniscopy.io.errors import FormatError
from omniscopy.learn.models import WITHOUT_EFFECT, Estimator
from omniscopy.model import DataError
from omniscopy.model.digests import digest_json

_FOLDER = Path(__file__).parent
# What a recipe has: how it is trained, and what its class is made of.
_PARTS = {"title", "class", "kind", "licence", "made_from", "settings", "scenes", "training"}
Trainer = Callable[[Mapping[str, Any], int, Mapping[str, Any]], Estimator]


def list_recipes() -> list[str]:
    """Return the names of the recipes that come with the package.

    Returns
    -------
    list of str
        As `train` takes them.
    """
    return sorted(each.stem for each in _FOLDER.glob("*.toml"))


def train(recipe: str | Path, *, seed: int = 0, **options: Any) -> Estimator:
    """Train a model by a recipe.

    Parameters
    ----------
    recipe : str or path
        The name of one that comes with the package, see `list_recipes`, or a file ``.toml``.
    seed : int
        The same recipe and seed give the same weights on the same machine.
    **options
        Options of `train_network` in place of those of the recipe, such as ``epochs``.

    Returns
    -------
    Estimator
        Recipe, seed, digest of the examples and scores are in its ``about_``, and so in
        ``model.json`` once it is saved.

    Raises
    ------
    DataError
        There is no such recipe.
    FormatError
        The file is no recipe.
    """
    told = read_recipe(recipe)
    trainer = _trainer_of(told)
    model = trainer(told, seed, options)
    changed = {
        name: value for name, value in options.items()
        if _plain(value) and name not in WITHOUT_EFFECT
    }  # fmt: skip
    model.about_ = {
        **model.about_, "recipe": told, "seed": seed, "changed": changed,
        "recipe_digest": digest_json([told, seed, changed]), "licence": told.get("licence", ""),
    }  # fmt: skip
    return model


def read_recipe(recipe: str | Path) -> dict[str, Any]:
    """Return a recipe as plain values."""
    path = Path(recipe)
    if path.suffix != ".toml":
        if str(recipe) not in list_recipes():
            message = (
                f"there is no recipe {str(recipe)!r}; there are {list_recipes()}, or give a file "
                ".toml"
            )
            raise DataError(message)
        path = _FOLDER / f"{recipe}.toml"
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"this is no TOML ({error})"
        raise FormatError(message, path=path) from error
    odd = set(told) - _PARTS
    if odd or not {"title", "kind", "training"} <= set(told):
        message = f"a recipe has {sorted(_PARTS)}, got {sorted(told)}"
        raise FormatError(message, path=path)
    return told


def _trainer_of(told: Mapping[str, Any]) -> Trainer:
    """Return what trains a kind of recipes; each imports only what it needs."""
    match told["kind"]:
        case "atoms":
            from omniscopy.learn.recipes.atoms import train_atom_finder

            return train_atom_finder
        case "defects":
            from omniscopy.learn.recipes.defects import train_defect_segmenter

            return train_defect_segmenter
        case "lattices":
            from omniscopy.learn.recipes.lattices import train_symmetry_classifier

            return train_symmetry_classifier
        case "noise":
            from omniscopy.learn.recipes.noise import train_denoiser

            return train_denoiser
    message = f"kind must be 'atoms', 'defects', 'lattices' or 'noise', got {told['kind']!r}"
    raise DataError(message)


def _plain(value: Any) -> bool:
    return isinstance(value, int | float | str | bool)
