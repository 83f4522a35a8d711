"""Lists of the pages that are written by hand."""

from pathlib import Path

EXPLANATIONS = ("ARCHITECTURE", "formats", "glossary", "parity", "benchmarks", "release-notes")
APART = ("index", "build", *EXPLANATIONS)


def toctree(names: list[str], *, depth: int = 1) -> str:
    """Return a list of pages in Markdown that Sphinx follows."""
    return f"```{{toctree}}\n:maxdepth: {depth}\n\n" + "\n".join(names) + "\n```\n"


def pages(docs: Path) -> dict[str, str]:
    """Return the pages that lead to others."""
    how = sorted(path.stem for path in docs.glob("*.md") if path.stem not in APART)
    present = {path.stem for path in docs.glob("*.md")} | {"formats", "glossary", "release-notes"}
    explained = [name for name in EXPLANATIONS if name in present]
    found = {
        "howto.md": "# How to\n\n" + toctree(how),
        "explanations.md": "# Explanations\n\n" + toctree([*explained, "decisions/index"]),
    }
    for folder in sorted(path for path in docs.iterdir() if path.is_dir()):
        names = sorted(path.stem for path in folder.glob("*.md"))
        if names and folder.name not in ("_build", "pages", "gallery", "specification"):
            title = folder.name.replace("-", " ").capitalize()
            found[f"{folder.name}/index.md"] = f"# {title}\n\n" + toctree(names)
            if folder.name != "decisions":
                found["howto.md"] += "\n" + toctree([f"{folder.name}/index"])
    return found
