"""Lists of the pages that are written by hand."""

from collections.abc import Iterable
from pathlib import Path

EXPLANATIONS = ("ARCHITECTURE", "formats", "glossary", "parity", "benchmarks", "release-notes")
# How-to pages, as one looks for them.
HOW = {
    "Begin": ("getting-started", "own-arrays", "explorer", "figures", "notebooks"),
    "Images, surfaces and atoms": (
        "registration", "strain", "atoms", "topography", "roughness",
    ),
    "Diffraction and 4D-STEM": ("4d-stem", "ptychography"),
    "Spectra": ("eels", "eds"),
    "Scanning probes": ("band-excitation", "transients", "force"),
    "Crystals and simulation": ("crystals", "patterns", "multislice"),
    "Networks": ("learn", "learn-models", "learn-recipes"),
    "Large, long, and by machine": (
        "runs", "clusters", "object-stores", "incomplete", "machine-use",
    ),
}  # fmt: skip
APART = ("index", "build", *EXPLANATIONS)


def toctree(names: Iterable[str], *, depth: int = 1) -> str:
    """Return a list of pages in Markdown that Sphinx follows."""
    return f"```{{toctree}}\n:maxdepth: {depth}\n\n" + "\n".join(names) + "\n```\n"


def how_to(docs: Path) -> str:
    """Return the page of all how-to pages; each is in one group."""
    written = {path.stem for path in docs.glob("*.md")} - {*APART}
    grouped = [name for names in HOW.values() for name in names]
    if sorted(grouped) != sorted(written):
        message = f"how-to pages in HOW and in docs differ: {sorted(written ^ {*grouped})}"
        raise ValueError(message)
    groups = (f"## {title}\n\n{toctree(names)}" for title, names in HOW.items())
    return "# How to\n\n" + "\n".join(groups)


def pages(docs: Path) -> dict[str, str]:
    """Return the pages that lead to others."""
    present = {path.stem for path in docs.glob("*.md")} | {"formats", "glossary", "release-notes"}
    explained = [name for name in EXPLANATIONS if name in present]
    found = {
        "howto.md": how_to(docs),
        "explanations.md": "# Explanations\n\n" + toctree([*explained, "decisions/index"]),
    }
    for folder in sorted(path for path in docs.iterdir() if path.is_dir()):
        names = sorted(path.stem for path in folder.glob("*.md"))
        if names and folder.name not in ("_build", "pages", "gallery", "specification"):
            title = folder.name.replace("-", " ").capitalize()
            found[f"{folder.name}/index.md"] = f"# {title}\n\n" + toctree(names)
            if folder.name != "decisions":
                found["howto.md"] += f"\n## {title}\n\n" + toctree([f"{folder.name}/index"])
    return found
