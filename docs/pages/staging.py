"""The source of the site, gathered in one folder that nobody edits."""

import re
import shutil
import tomllib
from pathlib import Path

# Sphinx-Gallery writes these itself.
WRITTEN_BY_GALLERY = ("gallery", "specification/examples", "backreferences")


class Site:
    """A folder of sources in which only what changed is written, so that builds are short."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: set[Path] = set()

    def add(self, name: str, text: str) -> None:
        """Write the file `name`, unless it says the same already."""
        path = self.folder / name
        self.kept.add(path)
        if not (path.is_file() and path.read_text(encoding="utf-8") == text):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def finish(self) -> None:
        """Remove what an earlier build had and this one has not."""
        made = [self.folder / name for name in WRITTEN_BY_GALLERY]
        for path in list(self.folder.rglob("*")):
            if path.is_file() and path not in self.kept:
                inside = next((top for top in made if top in path.parents), None)
                if inside is None:
                    path.unlink()
        for top in made[:2]:
            known = {path.name for path in self.kept if path.suffix == ".py"}
            for page in top.rglob("plot_*.py") if top.is_dir() else []:
                if page.name not in known:
                    shutil.rmtree(top)
                    break


def copy_pages(docs: Path, site: Site) -> None:
    """Copy every page that is written by hand, its links to examples as those of the gallery."""
    places = {
        f"gallery/plot_{name}.py": f"gallery/{folder}/plot_{name}"
        for folder, section in sections(docs).items()
        for name in section["examples"]  # type: ignore[attr-defined]
    }
    for path in sorted(docs.rglob("*.md")):
        name = path.relative_to(docs)
        if name.parts[0] not in ("_build", "gallery", "pages"):
            text = path.read_text(encoding="utf-8").replace(
                "](decisions/)", "](decisions/index.md)"
            )
            text = re.sub(
                r"\]\((gallery/plot_\w+\.py)\)", lambda link: f"]({places[link[1]]})", text
            )
            site.add(name.as_posix(), text)


def sections(docs: Path) -> dict[str, dict[str, object]]:
    """Return the sections of the gallery: folder, then title, text and names of examples."""
    return tomllib.loads((docs / "gallery" / "sections.toml").read_text(encoding="utf-8"))


def copy_examples(docs: Path, site: Site) -> None:
    """Copy the examples into a folder for each section, with its heading."""
    lead = (docs / "gallery" / "README.txt").read_text(encoding="utf-8")
    site.add("examples/GALLERY_HEADER.rst", lead)
    for folder, section in sections(docs).items():
        title, text = str(section["title"]), str(section["text"])
        header = f"{title}\n{'-' * len(title)}\n\n{text}\n"
        site.add(f"examples/{folder}/GALLERY_HEADER.rst", header)
        for name in section["examples"]:  # type: ignore[attr-defined]
            source = docs / "gallery" / f"plot_{name}.py"
            site.add(f"examples/{folder}/{source.name}", source.read_text(encoding="utf-8"))
    for source in sorted((docs / "specification").glob("*.py")):
        site.add(f"written/{source.name}", source.read_text(encoding="utf-8"))
    header = (docs / "specification" / "README.txt").read_text(encoding="utf-8")
    site.add("written/GALLERY_HEADER.rst", header)
