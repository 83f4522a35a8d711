"""The reference: a page for every public name, from the stubs and the operation registry."""

import importlib
import inspect
from types import ModuleType

import omniscopy as om
from omniscopy.model import all_operations

PACKAGES = {
    "io": "files and formats",
    "signal": "operations that know no instrument",
    "image": "operations on images",
    "atoms": "operations on positions of atoms",
    "crystal": "structures, symmetry, orientations",
    "diffraction": "patterns and 4D-STEM",
    "eels": "energy losses",
    "eds": "X-ray spectra",
    "spm": "scanning probes",
    "simulate": "synthetic measurements",
    "samples": "small measurements to try things on",
    "learn": "networks and Gaussian processes",
    "plot": "figures",
    "report": "reports and notebooks",
    "view": "the explorer",
    "compute": "chunks, fits, runs, clusters",
    "physics": "formulas and tables: NumPy in, NumPy out",
    "model": "vocabulary, checks, results, provenance",
    "testing": "encoders, strategies and suites for plug-ins",
}

# What scikit-learn puts on every estimator, with references to its own pages.
METHODS = ("fit", "partial_fit", "predict", "predict_proba", "score", "transform")
ROUTING = [f"set_{name}_request" for name in (*METHODS, "inverse_transform")]


def pages() -> dict[str, str]:
    """Return name and text of every page of the reference."""
    found: dict[str, str] = {}
    operations = {entry.name for entry in all_operations()}
    functions = [name for name in om.__all__ if inspect.isfunction(getattr(om, name))]
    found |= package_pages("omniscopy", om, "the front door", functions, operations)
    for name, text in PACKAGES.items():
        module = importlib.import_module(f"omniscopy.{name}")
        found |= package_pages(f"omniscopy.{name}", module, text, public(module), operations)
    toctree = "\n".join(f"   {name}/index" for name in ["omniscopy", *PACKAGES])
    found["index.rst"] = (
        heading("Reference")
        + "Every public name, with shapes and units. "
        + f"{len(operations)} operations are registered: they record what they did.\n\n"
        + f".. toctree::\n   :maxdepth: 1\n\n{toctree}\n"
    )
    return found


def public(module: ModuleType) -> list[str]:
    """Return the public names of a package, or what a module defines itself."""
    names = getattr(module, "__all__", None)
    if names is None:
        names = defined(module)
    return sorted(name for name in names if not name.startswith("_"))


def package_pages(
    path: str, module: ModuleType, text: str, names: list[str], operations: set[str]
) -> dict[str, str]:
    """Return the page of a package and those of its names."""
    folder = path.rpartition(".")[2]
    found: dict[str, str] = {}
    rows, links = [], []
    for name in names:
        thing = getattr(module, name)
        directive = directive_of(thing)
        if directive is None:
            continue
        full = thing.__name__ if inspect.ismodule(thing) else f"{path}.{name}"
        kind = "operation" if f"{folder}.{name}" in operations else directive[4:]
        file = f"{folder}/{'class_' if directive == 'autoclass' else ''}{name}.rst"
        home = directive != "autoclass" or thing.__module__.startswith(path)
        found[file] = object_page(name, full, directive, home=home)
        rows.append(
            f"   * - :doc:`{name} <{file.split('/')[1][:-4]}>`\n     - {kind}\n"
            f"     - {summary(thing)}\n"
        )
        links.append(f"   {file.split('/')[1][:-4]}")
    listed = ".. list-table::\n   :widths: 25 12 63\n\n" + "".join(rows) if rows else ""
    hidden = ".. toctree::\n   :hidden:\n\n" + "\n".join(links) + "\n"
    found[f"{folder}/index.rst"] = heading(path) + f"{text.capitalize()}.\n\n{listed}\n{hidden}"
    return found


def directive_of(thing: object) -> str | None:
    """Return how Sphinx is asked for the page of `thing`; None for plain values."""
    if inspect.ismodule(thing):
        return "automodule"
    if inspect.isclass(thing):
        return "autoclass"
    return "autofunction" if callable(thing) else None


def object_page(name: str, full: str, directive: str, *, home: bool) -> str:
    """Return the page of one public name, which is in the index where it is at `home`."""
    members = "" if home else "   :no-index:\n"
    if directive == "autoclass":
        members += f"   :members:\n   :exclude-members: {', '.join(ROUTING)}\n"
    if directive == "automodule":
        members = f"   :members: {', '.join(defined(importlib.import_module(full)))}\n"
    gallery = f".. minigallery:: {full}\n   :add-heading: Examples in the gallery\n"
    return heading(name) + f".. {directive}:: {full}\n{members}\n{gallery}"


def defined(module: ModuleType) -> list[str]:
    """Return the public functions and classes that a module defines itself."""
    members = inspect.getmembers(
        module, lambda thing: inspect.isfunction(thing) or inspect.isclass(thing)
    )
    return [
        name
        for name, member in members
        if member.__module__.startswith(module.__name__) and not name.startswith("_")
    ]


def summary(thing: object) -> str:
    """Return the first sentence of the docstring."""
    return (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ").strip()


def heading(title: str) -> str:
    """Return a heading of the first level."""
    return f"{title}\n{'=' * len(title)}\n\n"
